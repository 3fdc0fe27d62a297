"""The documents of memories: what was said, and what a filter asks for."""

from dataclasses import dataclass
from typing import Any, Self

import orjson

from cognition.language.wording import wording
from schemas.fields import Moment
from services.readside.corrections import EXPIRES_AT, Correction, unpack_corrections
from services.readside.corrections import FIELD as CORRECTIONS
from services.readside.layout import TAG_SEPARATOR, Status

# A memory's id, and the status that its document lies under.
DocumentKey = tuple[str, Status]
Fields = list[bytes | None]
Said = tuple[str | None, ...]
# Of a document, what makes an `Attributes` or a `Document`, in that order.
ATTRIBUTES = ("type", "tags", "created", "more")
DOCUMENT = ("content", "type", "tags", "created", "more")
WHOLE_DOCUMENT = (*DOCUMENT, CORRECTIONS)


@dataclass(frozen=True, slots=True)
class Attributes:
    """Attributes of a memory, for filters."""

    memory_type: str
    tags: list[str]
    created_ms: int
    more: bytes

    @classmethod
    def of(cls, fields: Fields) -> Self:
        """From the fields in Redis."""
        memory_type, tags, created, more = fields
        return cls((memory_type or b"").decode(), tags_of(tags), int(created or 0), more or b"{}")


@dataclass(frozen=True, slots=True)
class Document:
    """The text of a memory, and all that came with it.

    `corrections`: the latest, the oldest of them first; only where the whole document was read.
    """

    content: str
    memory_type: str
    created_ms: int
    tags: list[str]
    session: str | None
    speaker: str | None
    concepts: list[str]
    derived_from: list[dict[str, Any]]
    context: str | None
    metadata: dict[str, Any]
    corrections: list[Correction]
    expires_at: int | None = None
    utc_offset: int = 0

    @property
    def created_at(self) -> int:
        """The moment it happened, with the offset of the clocks there."""
        return Moment(self.created_ms, self.utc_offset)

    @property
    def said(self) -> Said:
        """See `said_by`."""
        return said_by(self.content, self.speaker, self.memory_type)

    @classmethod
    def of(cls, fields: Fields) -> Self:
        """From the fields in Redis."""
        content, memory_type, tags, created, more, *corrections = fields
        rest: dict[str, Any] = orjson.loads(more or b"{}")
        return cls(
            content=(content or b"").decode(),
            memory_type=(memory_type or b"").decode(),
            created_ms=int(created or 0),
            tags=tags_of(tags),
            session=rest.get("session"),
            speaker=rest.get("speaker"),
            concepts=rest.get("concepts", []),
            derived_from=rest.get("derived_from", []),
            context=rest.get("context"),
            metadata=rest.get("metadata", {}),
            corrections=unpack_corrections(corrections[0]) if corrections else [],
            expires_at=rest.get(EXPIRES_AT),
            utc_offset=rest.get("utc_offset", 0),
        )


def said_by(content: str, speaker: str | None, memory_type: str) -> Said:
    """The wording of a memory, who says it and as what: equal for memories that say the same.

    >>> said_by("Tea, at four!", None, "episodic") == said_by("tea at FOUR", None, "episodic")
    True
    """
    return (memory_type, speaker, *wording(content))


def tags_of(packed: bytes | None) -> list[str]:
    """The tags that a document's field holds."""
    return packed.decode().split(TAG_SEPARATOR) if packed else []
