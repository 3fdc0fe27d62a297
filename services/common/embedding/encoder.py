"""Calling a model: the tokenizer and the ONNX session, and nothing around them.

torch and transformers take ten seconds and a gigabyte, of which an exported model needs nothing,
and sentence-transformers' own way in costs a third of a query.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Encode = Callable[[list[str]], NDArray[np.float32]]
_NORM_MIN = 1e-12  # as sentence-transformers: a vector of zeros stays one
_OF_TOKENS = 3  # dimensions of an output: a vector for each token of each text


@dataclass(frozen=True)
class Encoders:
    """A model to be called in two ways, each from several threads at once.

    `beside`: in the calling thread, beside other calls. `alone`: in several, for a text that
    nothing else runs beside.
    """

    beside: Encode
    alone: Encode


@dataclass(frozen=True)
class Calling:
    """All that calling a model takes beside its tokenizer and its graph.

    `output`: a vector for each text, or one for each token, of which the mean is taken.
    """

    output: str
    max_seq_length: int | None
    pad_id: int
    pad_type_id: int
    pad_token: str

    def prepare(self, tokenizer: Any) -> None:
        """Set a tokenizer up for `encoder`; several may share it."""
        # Its own threads take longer to wake than a slice of texts takes in one.
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        tokenizer.no_truncation()
        if self.max_seq_length is not None:
            tokenizer.enable_truncation(self.max_seq_length)
        tokenizer.enable_padding(
            pad_id=self.pad_id, pad_type_id=self.pad_type_id, pad_token=self.pad_token
        )

    def encoder(self, tokenizer: Any, session: Any) -> Encode:
        """From texts to normalised vectors, shape (texts, dimension).

        The same as `model.encode(texts, normalize_embeddings=True)`. For a query of a dozen tokens
        that spends 1.5 ms on the way from text to tensors and back; the tokenizer and the ONNX
        session need .1 ms for it. Safe to call from several threads.
        """
        inputs = [each.name for each in session.get_inputs()]

        def encode(texts: list[str]) -> NDArray[np.float32]:
            tokens = tokenizer.encode_batch_fast(texts)
            mask = np.array([each.attention_mask for each in tokens], np.int64)
            offered = {
                "input_ids": np.array([each.ids for each in tokens], np.int64),
                "attention_mask": mask,
                "token_type_ids": np.array([each.type_ids for each in tokens], np.int64),
            }
            (vectors,) = session.run([self.output], {name: offered[name] for name in inputs})
            if vectors.ndim == _OF_TOKENS:
                # The mean's divisor cancels out.
                vectors = np.einsum("ts,tsd->td", mask.astype(np.float32), vectors)
            norms = np.linalg.norm(vectors, axis=1, keepdims=True)
            normalised: NDArray[np.float32] = vectors / np.maximum(norms, _NORM_MIN)
            return normalised

        return encode
