"""Documents of memories that searches show, read once and kept: they never change."""

from collections import OrderedDict
from dataclasses import replace

from services.readside.documents import Document, DocumentKey
from services.retrieval.ports import MemoryReader

# A search shows ten of the same few memories again and again. Long texts are read each time.
KEPT_MAX = 20_000
KEPT_CHARACTERS_MAX = 4_096


class DocumentCache:
    """Documents by memory; those asked for least lately are dropped."""

    def __init__(self, reader: MemoryReader) -> None:
        self._reader = reader
        self._kept: OrderedDict[tuple[str, str], Document] = OrderedDict()

    async def of(
        self, namespace: str, keys: list[DocumentKey], *, whole: bool = False
    ) -> list[Document | None]:
        """In the order of their keys; None where one was forgotten before it was read.

        `whole`: with context, metadata and sources, which are not kept.
        """
        found: dict[str, Document] = {}
        for name, _ in [] if whole else keys:
            if kept := self._kept.get((namespace, name)):
                self._kept.move_to_end((namespace, name))
                found[name] = kept
        missing = [key for key in keys if key[0] not in found]
        if missing:
            read = await self._reader.documents(namespace, missing)
            for (name, _), document in zip(missing, read, strict=True):
                if document is not None:
                    found[name] = document
                    self._keep((namespace, name), document)
        return [found.get(name) for name, _ in keys]

    def _keep(self, key: tuple[str, str], document: Document) -> None:
        if len(document.content) <= KEPT_CHARACTERS_MAX:
            # Few searches show the rest, which may be large.
            self._kept[key] = replace(document, context=None, metadata={}, derived_from=[])
            self._kept.move_to_end(key)
            if len(self._kept) > KEPT_MAX:
                self._kept.popitem(last=False)
