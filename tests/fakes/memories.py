"""The memories port of ingest in memory."""

from collections.abc import Iterable
from uuid import UUID

from services.ingest.ports import Ref
from services.readside.documents import Document


class MemoryMemories:
    """`Memories` on a dict."""

    def __init__(self, known: dict[Ref, Document] | None = None) -> None:
        self._known = known or {}

    async def near(self, namespace: str, vector: bytes) -> dict[UUID, Document]:
        return {ref[1]: each for ref, each in self._known.items() if ref[0] == namespace}

    async def of(self, refs: Iterable[Ref]) -> dict[Ref, Document]:
        return {ref: self._known[ref] for ref in refs if ref in self._known}
