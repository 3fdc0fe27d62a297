"""What the documents of memories say, read once and kept: it never changes."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Self

import orjson

from services.readside.layout import TAG_SEPARATOR, Status
from services.retrieval.adapters.redis_reader import RedisReader

# A search shows ten of the same few memories again and again. Long texts are read each time.
KEPT_MAX = 20_000
KEPT_CHARACTERS_MAX = 4_096
_FIELDS = ["content", "type", "tags", "created", "more"]


@dataclass(frozen=True, slots=True)
class Document:
    """What an answer shows of a memory beside its state."""

    content: str
    memory_type: str
    created_ms: int
    tags: list[str]
    session: str | None
    speaker: str | None
    concepts: list[str]

    @classmethod
    def of(cls, fields: list[bytes | None]) -> Self:
        """From the fields in Redis."""
        content, memory_type, tags, created, more = (value or b"" for value in fields)
        rest: dict[str, Any] = orjson.loads(more or b"{}")
        return cls(
            content=content.decode(),
            memory_type=memory_type.decode(),
            created_ms=int(created),
            tags=tags.decode().split(TAG_SEPARATOR) if tags else [],
            session=rest.get("session"),
            speaker=rest.get("speaker"),
            concepts=rest.get("concepts", []),
        )


class Documents:
    """Documents by memory; those asked for least lately are dropped."""

    def __init__(self, reader: RedisReader) -> None:
        self._reader = reader
        self._kept: OrderedDict[tuple[str, str], Document] = OrderedDict()

    async def of(
        self, namespace: str, ids: list[str], statuses: list[Status]
    ) -> list[Document | None]:
        """Of these memories; None for one that was forgotten before its document was read."""
        found = {id_: kept for id_ in ids if (kept := self._kept.get((namespace, id_)))}
        missing = [at for at, id_ in enumerate(ids) if id_ not in found]
        if missing:
            names = [ids[at] for at in missing]
            where = [statuses[at] for at in missing]
            read = await self._reader.documents(namespace, names, where, _FIELDS)
            found |= {
                name: Document.of(fields)
                for name, fields in zip(names, read, strict=True)
                if fields[0] is not None
            }
        for id_, document in found.items():
            self._keep((namespace, id_), document)
        return [found.get(id_) for id_ in ids]

    def _keep(self, key: tuple[str, str], document: Document) -> None:
        if len(document.content) <= KEPT_CHARACTERS_MAX:
            self._kept[key] = document
            self._kept.move_to_end(key)
            if len(self._kept) > KEPT_MAX:
                self._kept.popitem(last=False)
