"""The passages that ingest embeds a text in."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from cognition.language.passages import Passage, passages
from schemas.events import Passages
from schemas.limits import PASSAGES_MAX, VALUE_BYTES_MAX
from services.ingest.domain import base64_of


@lru_cache(512)
def split(content: str, dimension: int) -> Sequence[Passage]:
    """The passages of a content, no more than an event has room for with vectors so long."""
    most = min(PASSAGES_MAX, VALUE_BYTES_MAX // 4 // (2 * dimension))
    return tuple(passages(content, most))


def further(split_in: Sequence[Passage], vectors: Sequence[np.ndarray]) -> Passages | None:
    """The passages behind the first with their vectors, as an event has them; None without any."""
    if len(split_in) < 2:
        return None
    starts = [each.start for each in split_in[1:]]
    return Passages.model_construct(starts=starts, data=base64_of(np.stack(vectors[1:])))
