"""A sentence-transformers model called without its own way in, which costs a third of a query.

And without its imports: torch and transformers take ten seconds and a gigabyte, of which a model
that is exported to ONNX needs nothing.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Encode = Callable[[list[str]], NDArray[np.float32]]
_NORM_MIN = 1e-12  # as sentence-transformers: a vector of zeros stays one
_PLAIN = (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"])
_INPUTS = {"input_ids", "attention_mask", "token_type_ids"}
_OUTPUT = "last_hidden_state"


@dataclass(frozen=True)
class Encoders:
    """A model to be called in two ways, each from several threads at once.

    `beside`: in the calling thread, beside other calls. `alone`: in several, for a text that
    nothing else runs beside.
    """

    beside: Encode
    alone: Encode


@dataclass(frozen=True)
class PlainModel:
    """A model that is a transformer and the mean of its tokens, as far as calling it goes."""

    max_seq_length: int
    pad_id: int
    pad_type_id: int
    pad_token: str
    inputs: list[str]

    @classmethod
    def of(cls, model: Any) -> Self | None:
        """An encoder of a sentence-transformers model with ONNX backend; None if it is more."""
        if [type(module).__name__ for module in model] not in _PLAIN:
            return None
        onnx, tokenizer = model[0].auto_model, model.tokenizer
        plain = (
            model[1].pooling_mode == "mean"
            and not model.default_prompt_name
            and set(onnx.input_names) <= _INPUTS
            and _OUTPUT in onnx.output_names
            and tokenizer.is_fast
            and tokenizer.padding_side == "right"
        )
        if not plain:
            return None
        return cls(
            max_seq_length=model.max_seq_length,
            pad_id=tokenizer.pad_token_id,
            pad_type_id=tokenizer.pad_token_type_id,
            pad_token=tokenizer.pad_token,
            inputs=sorted(onnx.input_names),
        )

    def encoder(self, tokenizer: Any, session: Any) -> Encode:
        """From texts to normalised vectors, shape (texts, dimension).

        The same as `model.encode(texts, normalize_embeddings=True)`. For a query of a dozen tokens
        that spends 1.5 ms on the way from text to tensors and back; the tokenizer and the ONNX
        session need .1 ms for it. Safe to call from several threads.
        """
        # Its own threads take longer to wake than a slice of texts takes in one.
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        tokenizer.enable_truncation(self.max_seq_length)
        tokenizer.enable_padding(
            pad_id=self.pad_id, pad_type_id=self.pad_type_id, pad_token=self.pad_token
        )

        def encode(texts: list[str]) -> NDArray[np.float32]:
            tokens = tokenizer.encode_batch_fast(texts)
            mask = np.array([each.attention_mask for each in tokens], np.int64)
            offered = {
                "input_ids": np.array([each.ids for each in tokens], np.int64),
                "attention_mask": mask,
                "token_type_ids": np.array([each.type_ids for each in tokens], np.int64),
            }
            (hidden,) = session.run([_OUTPUT], {name: offered[name] for name in self.inputs})
            # The mean's divisor cancels out.
            sums = np.einsum("ts,tsd->td", mask.astype(np.float32), hidden)
            norms = np.linalg.norm(sums, axis=1, keepdims=True)
            vectors: NDArray[np.float32] = sums / np.maximum(norms, _NORM_MIN)
            return vectors

        return encode


def usual_encoder(model: Any) -> Encode:
    """The same of any other model, its own way."""

    def encode(texts: list[str]) -> NDArray[np.float32]:
        vectors: NDArray[np.float32] = model.encode(
            texts, batch_size=len(texts), show_progress_bar=False, normalize_embeddings=True
        )
        return vectors

    return encode
