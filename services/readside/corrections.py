"""Corrections of a memory, as its document keeps them: the latest that can be taken back."""

import base64
from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID

import orjson

from services.readside.layout import hash64
from services.readside.terms import names_of

# Older ones hold for good, and are in the log alone.
KEPT_MAX = 16
# The document's field that they lie in.
FIELD = "corrections"
# The key of its `more` that says when it expires, if ever.
EXPIRES_AT = "expires_at"


@dataclass(frozen=True, slots=True)
class Correction:
    """A correction, and the values that it replaced: fields of the document, and `terms`."""

    at_ms: int
    event_id: UUID
    reason: str | None
    was: dict[str, bytes]

    @classmethod
    def parse(cls, at_ms: int, event_id: str, reason: str | None, was: dict[str, str]) -> Self:
        """From a row of JSON."""
        values = {name: base64.b64decode(value) for name, value in was.items()}
        return cls(at_ms, UUID(event_id), reason, values)

    def row(self) -> list[Any]:
        """As JSON has it."""
        was = {name: base64.b64encode(value).decode() for name, value in self.was.items()}
        return [self.at_ms, str(self.event_id), self.reason, was]


def pack_corrections(corrections: list[Correction]) -> bytes:
    """Corrections, the oldest first."""
    return orjson.dumps([each.row() for each in corrections], option=orjson.OPT_SORT_KEYS)


def unpack_corrections(packed: bytes | None) -> list[Correction]:
    """Unpack the bytes of `pack_corrections`; none where there are none."""
    return [Correction.parse(*row) for row in orjson.loads(packed or b"[]")]


def counted_by(packed: bytes | None) -> tuple[set[bytes], set[bytes]]:
    """Terms and concepts that count again where the latest corrections are taken back."""
    was = [each.was for each in unpack_corrections(packed)]
    terms = {name for each in was for name in names_of(each.get("terms", b""))}
    return terms, {link for each in was if "more" in each for link in linked_by(each["more"])}


def linked_by(more: bytes) -> list[bytes]:
    """The concepts (their `hash64`, in order) that a document's `more` names."""
    return sorted({hash64(concept) for concept in orjson.loads(more)["concepts"]})
