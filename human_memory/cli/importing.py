"""`import`: a conversation file into memory."""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from human_memory import conversation
from human_memory.cli.bus_options import BusOptions
from human_memory.cli.command import command
from human_memory.cli.output import out, print_json, progress_bar
from schemas.replies import Reply

app = typer.Typer()


@dataclass(frozen=True, kw_only=True)
class ImportOptions(BusOptions):
    """Options of `import`."""

    file: Annotated[Path, typer.Argument(help="A conversation file.", exists=True, dir_okay=False)]


@command(app, "import")
async def import_(options: ImportOptions) -> None:
    """Store the turns of a conversation file as memories, with their own times and speakers.

    Each dialogue goes to the namespace NAMESPACE/ID. A second import changes nothing. The form of
    the file is that of examples/conversation.json.

    Example: `human-memory import examples/conversation.json -n demo`
    """
    dialogues = conversation.read(options.file).dialogues
    stores = [s for d in dialogues for s in d.stores(f"{options.namespace}/{d.id}")]
    with progress_bar() as progress:
        bar = progress.add_task("storing", total=len(stores))
        async with options.bus() as bus:
            replies = await conversation.publish(bus, stores, stored=lambda: progress.advance(bar))
    by_namespace: dict[str, list[Reply]] = defaultdict(list)
    for store, reply in zip(stores, replies, strict=True):
        by_namespace[store.namespace].append(reply)
    result = [
        {
            "namespace": namespace,
            "memories": len({(r.result or {}).get("memory_id") for r in some}),
            "position": conversation.last_position(some),
        }
        for namespace, some in by_namespace.items()
    ]
    if options.as_json:
        print_json(result)
        return
    for each in result:
        line = f"{each['memories']} memories in {each['namespace']}, position {each['position']}"
        out().print(line, markup=False, soft_wrap=True)
