"""Exports a sentence-transformers model to ONNX, once. Running it needs nothing of this."""

import warnings
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import structlog

from human_memory.extras import NotInstalled, needs, require
from schemas.errors import InvariantBroken
from services.common.embedding.encoder import Calling
from services.common.embedding.model_files import (
    CALLING,
    TOKENIZER,
    export_of,
    exported_model,
    made,
    source_of,
)
from services.common.embedding.prompts import PROMPTS, prompts_of

log = structlog.get_logger(__name__)
# The graph has the whole model: transformer, pooling and whatever follows.
OUTPUT = "sentence_embedding"
DIFFERENCE_MAX = 1e-4
TEXTS = ["Tea is at four.", "", "ÀÉ naïve 茶は四時です 🫖", "longer than the model reads " * 2_000]


def export(name: str) -> Path:
    """The folder with the export of the model `name`, found by the model's content, or made now.

    Raises:
        NotInstalled: what exporting takes is not installed.
        InvariantBroken: the export does not have the model's vectors.
    """
    try:
        require("export", "torch", "optimum", "sentence_transformers")
    except NotInstalled as error:
        raise NotInstalled(f"the embedding model {name} is to be exported, once: {error}") from None
    with needs("export"):
        from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(name, device="cpu")  # fetches what is not here
    source = source_of(name)
    assert source is not None
    target = export_of(source)

    def write(folder: Path) -> None:
        log.info("exporting the embedding model to ONNX, once", name=name, target=str(target))
        _write(model, folder)
        written = {"prompts": asdict(prompts_of(name))}
        (folder / PROMPTS).write_bytes(orjson.dumps(written))
        _compare(model, folder, name)

    return made(target, write)


def _write(model: Any, folder: Path) -> None:
    from optimum.exporters.onnx import onnx_export_from_model

    tokenizer = model.tokenizer
    with warnings.catch_warnings():
        # That a trace holds for inputs like the traced one; what came of it is compared below.
        warnings.simplefilter("ignore")
        onnx_export_from_model(
            model, folder, task="feature-extraction", preprocessors=[], do_validation=False
        )
    tokenizer.backend_tokenizer.save(str(folder / TOKENIZER))
    calling = Calling(
        OUTPUT,
        max_seq_length=model.max_seq_length,
        pad_id=tokenizer.pad_token_id,
        pad_type_id=tokenizer.pad_token_type_id,
        pad_token=tokenizer.pad_token,
    )
    (folder / CALLING).write_bytes(orjson.dumps(calling))


def _compare(model: Any, folder: Path, name: str) -> None:
    """InvariantBroken where a model does more with a text than its tokenizer and its graph say."""
    (encode,) = exported_model(folder).encoders(1)
    expected = model.encode(TEXTS, normalize_embeddings=True, prompt="")
    difference = max(
        float(np.abs(encode([text])[0] - vector).max())
        for text, vector in zip(TEXTS, expected, strict=True)
    )
    if not difference <= DIFFERENCE_MAX:
        raise InvariantBroken(
            f"the export of {name} makes other vectors than the model (numbers differ by "
            f"{difference:.2g}), so it can't be used here: choose another embedding model"
        )
