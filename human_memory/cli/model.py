"""`model export` and `model prepare`: the files of the embedding model."""

from dataclasses import dataclass
from importlib import import_module
from typing import Annotated

import typer

from human_memory.cli.command import command
from human_memory.cli.output import out

app = typer.Typer(help="Prepare or export an embedding model.", no_args_is_help=True)


@dataclass(frozen=True, kw_only=True)
class ExportOptions:
    """Options of `export`."""

    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A model of the hub, or a folder with one.")
    ]


@dataclass(frozen=True, kw_only=True)
class PrepareOptions:
    """Options of `prepare`."""


@command(app)
def export(options: ExportOptions) -> None:
    """Export a sentence-transformers model, so that services run it without torch.

    Needs the extra `export`. Services on this machine find the export under the model's name; on
    another machine name the copied folder in HUMAN_MEMORY_EMBEDDING_MODEL.

    Example: `human-memory model export BAAI/bge-small-en-v1.5`
    """
    folder = import_module("services.common.embedding.export").export(options.name)
    out().print(str(folder), markup=False, soft_wrap=True)


@command(app)
def prepare(options: PrepareOptions) -> None:
    """Fetch and prepare the default model now; else the first start does.

    Example: `human-memory model prepare`
    """
    files = import_module("services.common.embedding.model_files")
    files.load_model(files.DEFAULT_MODEL, threads=1)
