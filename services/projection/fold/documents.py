"""The text of a memory in the fold: its document, its vector, and how its words and links count."""

import base64
from collections.abc import Iterable
from typing import Any

import numpy as np
import orjson

from schemas.errors import Rejected
from schemas.events import Embedding, MemoryStored
from services.projection.fold.view import Ref, View
from services.readside.collections import COUNTS, LINKS, TERMS
from services.readside.corrections import EXPIRES_AT
from services.readside.layout import TAG_SEPARATOR, hash64
from services.readside.terms import Terms, concepts_of, names_of

_UNSIGNED, _INFINITY = np.uint16(0x7FFF), 0x7C00  # float16


def count(view: View, ref: Ref, by: int) -> None:
    """Count a memory's terms and links in, or out again."""
    name, memory = ref[0], view.memories[ref]
    view.add(COUNTS, name, {"length": by * memory.state.length})
    view.add(TERMS, name, dict.fromkeys(names_of(memory.parts.terms), by))
    view.add(LINKS, name, dict.fromkeys(concepts_of(memory.parts.concepts), by))


def packed_concepts(names: Iterable[str]) -> bytes:
    """Concepts as a record has them."""
    return b"".join(sorted({hash64(name) for name in names}))


def vector_of(embedding: Embedding) -> bytes:
    """The vector of an event.

    Raises:
        Rejected: it is of no use.
    """
    vector = base64.b64decode(embedding.data)
    # RediSearch indexes a vector of zeros, or with a number that is none, and then reports NaN as
    # its distance. Without their signs float16 numbers are ordered as the integers of their bits.
    largest = (np.frombuffer(vector, "<u2") & _UNSIGNED).max()
    if not 0 < largest < _INFINITY:
        raise Rejected("data.embedding: every number must be finite, and one not zero")
    return vector


def document_of(
    event: MemoryStored, vector: bytes, terms: Terms, concepts: list[str]
) -> dict[str, bytes]:
    """The document of a new memory."""
    data = event.data
    # By hand: pydantic takes three times as long, for each memory there is.
    more: dict[str, Any] = {
        "metadata": data.metadata,
        "concepts": concepts,
        "derived_from": [
            {"memory_id": str(source.memory_id), "weight": source.weight}
            for source in data.derived_from
        ],
        "body_hash": data.body_hash,
    }
    for name, value in (
        ("context", data.context),
        ("session", data.session),
        ("speaker", data.speaker),
        (EXPIRES_AT, data.expires_at),
        ("utc_offset", data.utc_offset),
    ):
        if value is not None:
            more[name] = value
    document = {
        "ns": event.namespace.encode(),
        "type": data.memory_type.encode(),
        "tags": TAG_SEPARATOR.join(data.tags).encode(),
        "created": str(event.time).encode(),
        "content": data.content.encode(),
        "text": terms.searchable.encode(),
        "vector": vector,
        "model": data.embedding.model.encode(),
        "more": orjson.dumps(more, option=orjson.OPT_SORT_KEYS),
    }
    if data.derived_from:
        names = [str(source.memory_id) for source in data.derived_from]
        document["sources"] = TAG_SEPARATOR.join(names).encode()
    return document
