"""Memories as the read side has them."""

from collections import defaultdict
from collections.abc import Iterable
from uuid import UUID

import structlog

from schemas.errors import DeadlineExceeded, Unavailable
from services.ingest.ports import Ref
from services.readside.documents import Document, DocumentKey
from services.readside.layout import STATUSES, Layout
from services.readside.live_build import Commands, LiveBuild
from services.readside.reader import read_documents

# An equal text of another date is among the nearest.
NEAR_MAX = 20
log = structlog.get_logger(__name__)


class RedisMemories:
    """`Memories` of the live build.

    Without Redis none is known: what is corrected meanwhile is embedded without date and speaker,
    and what is stored is another memory.
    """

    def __init__(self, build: LiveBuild) -> None:
        self._build = build

    async def of(self, refs: Iterable[Ref]) -> dict[Ref, Document]:
        """See `Memories`."""
        keys: defaultdict[str, list[DocumentKey]] = defaultdict(list)
        for namespace, memory_id in refs:
            keys[namespace] += [(str(memory_id), status) for status in STATUSES]
        found: dict[Ref, Document] = {}
        for namespace, some in keys.items():
            try:
                documents = await read_documents(self._build, namespace, some)
            except Unavailable as error:
                log.warning("corrections without what is known", error=error.message)
                continue
            for (name, _), document in zip(some, documents, strict=True):
                if document is not None:
                    found[namespace, UUID(name)] = document
        return found

    async def near(self, namespace: str, vector: bytes) -> dict[UUID, Document]:
        """See `Memories`."""

        def queue(layout: Layout) -> Commands:
            return [
                [
                    "FT.SEARCH", layout.index("active"),
                    f"(@ns:{{$ns}})=>[KNN {NEAR_MAX} @vector $vector]",
                    "PARAMS", 4, "ns", namespace, "vector", vector,
                    "NOCONTENT", "LIMIT", 0, NEAR_MAX, "DIALECT", 2,
                ]
            ]  # fmt: skip

        try:
            _, (reply,) = await self._build.read(self._build.partition(namespace), queue)
            ids = [key[-36:].decode() for key in reply[1:]]
            keys: list[DocumentKey] = [(each, "active") for each in ids]
            documents = await read_documents(self._build, namespace, keys)
        except (Unavailable, DeadlineExceeded) as error:
            log.warning("stored without looking for an equal memory", error=error.message)
            return {}
        found = zip(ids, documents, strict=True)
        return {UUID(name): document for name, document in found if document is not None}
