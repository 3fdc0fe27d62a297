"""Memories as the read side has them."""

from collections import defaultdict
from collections.abc import Iterable
from uuid import UUID

import structlog

from schemas.errors import Unavailable
from services.ingest.ports import Ref
from services.readside.documents import Document, DocumentKey
from services.readside.layout import STATUSES
from services.readside.live_build import LiveBuild
from services.readside.reader import read_documents

log = structlog.get_logger(__name__)


class RedisMemories:
    """`Memories` of the live build.

    Without Redis none is known: what is corrected meanwhile is embedded without date and speaker.
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
