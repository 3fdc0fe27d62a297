"""The fold of corrections: a memory says something else, and the latest can be taken back.

The document keeps what each of the latest corrections replaced, byte for byte: taking one back
leaves the memory as if that had never been said.
"""

from typing import Any

import numpy as np
import orjson

from schemas.events import CorrectedText, MemoryCorrected
from schemas.fields import NEVER
from services.projection.fold.documents import count, vector_of
from services.projection.fold.names import meant, renamed
from services.projection.fold.statuses import expire
from services.projection.fold.view import Memory, Needs, Ref, View
from services.readside.collections import LINKS, TERMS
from services.readside.corrections import (
    EXPIRES_AT,
    FIELD,
    KEPT_MAX,
    Correction,
    linked_by,
    pack_corrections,
    unpack_corrections,
)
from services.readside.layout import TAG_SEPARATOR, TERM, Change, Parts, hash64
from services.readside.terms import concepts_of, terms_of

# What a correction may replace in a document.
_FIELDS = ("content", "text", "vector", "model", "tags", "more")


def correction_references(event: MemoryCorrected, ref: Ref, needs: Needs) -> None:
    """Add to `needs` what the fold of a correction reads."""
    needs.memories[ref] = None
    needs.counted.add(ref)
    needs.documents.add(ref)
    text = event.data.text
    if text is not None:
        needs.of(TERMS, ref[0]).update(terms_of(text.indexed_text, None).names)
        needs.of(LINKS, ref[0]).update(map(hash64, text.concepts))
        needs.concepts(ref[0], *text.concepts)


def correct(view: View, ref: Ref, event: MemoryCorrected) -> bool:
    """Correct a memory, or take the latest correction back; False if that changes nothing.

    Raises:
        Rejected: the new text's vector is of no use.
    """
    memory = view.memories[ref]
    document = memory.document
    if memory.state.status == "deleted" or document is None:
        return False
    kept = unpack_corrections(document.get(FIELD))
    was = {name: document[name] for name in _FIELDS} | {"terms": memory.parts.terms}
    if event.data.reversed:
        if not kept:
            return False
        now = kept.pop().was
        if "more" in now:  # concepts may have been renamed meanwhile
            now = now | {"more": renamed(view, ref[0], now["more"])}
    else:
        now = {name: value for name, value in _said(view, event, was).items() if value != was[name]}
        if not now:
            return False
        replaced = {name: was[name] for name in now}
        kept.append(Correction(event.time, event.id, event.data.reason, replaced))
    count(view, ref, -1)
    _say(memory, was | now)
    count(view, ref, 1)
    expire(view, ref, orjson.loads(document["more"]).get(EXPIRES_AT))
    if kept:
        document[FIELD] = pack_corrections(kept[-KEPT_MAX:])
    else:
        document.pop(FIELD, None)
    memory.state.changes.append(Change(event.time, "corrected", other=event.id.bytes))
    return True


def _said(view: View, event: MemoryCorrected, was: dict[str, bytes]) -> dict[str, bytes]:
    """The values that a correction gives, whether they are new or not."""
    data = event.data
    now: dict[str, bytes] = {}
    more: dict[str, Any] = orjson.loads(was["more"])
    if data.text is not None:
        now |= _text(data.text, more.get("speaker"))
        more["concepts"] = meant(view, event.namespace, data.text.concepts)
    if data.metadata is not None:
        more["metadata"] = data.metadata
    if data.expires_at is not None:
        more.pop(EXPIRES_AT, None)
        if data.expires_at != NEVER:
            more[EXPIRES_AT] = data.expires_at
    if data.tags is not None:
        now["tags"] = TAG_SEPARATOR.join(data.tags).encode()
    return now | {"more": orjson.dumps(more, option=orjson.OPT_SORT_KEYS)}


def _text(text: CorrectedText, speaker: str | None) -> dict[str, bytes]:
    terms = terms_of(text.indexed_text, speaker)
    return {
        "content": text.content.encode(),
        "text": terms.searchable.encode(),
        "vector": vector_of(text.embedding),
        "model": text.embedding.model.encode(),
        "terms": terms.packed,
    }


def _say(memory: Memory, now: dict[str, bytes]) -> None:
    """Put a text in the place of another, in the document and in what ranking reads."""
    assert memory.document is not None
    memory.document |= {name: now[name] for name in _FIELDS}
    concepts = b"".join(linked_by(now["more"]))
    gone = {*concepts_of(memory.parts.concepts)} - {*concepts_of(concepts)}
    memory.unlinked = (memory.unlinked | gone) - {*concepts_of(concepts)}
    memory.parts = Parts(now["vector"], now["terms"], concepts, memory.parts.traces)
    counts = np.frombuffer(now["terms"], TERM)["count"]
    memory.state.length = int(counts.sum(dtype=np.int64))
