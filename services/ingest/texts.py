"""New texts of a batch: their vectors, and the concepts that they name."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any
from uuid import UUID

from schemas.errors import Indigestible
from schemas.inbox import Concept, Correct, InboxMessage, Store
from services.common.embedding.embedder import Embedder
from services.ingest.domain import (
    Equal,
    Original,
    Received,
    WorkedOut,
    cause_of,
    corrected_text,
    embedding_of,
    float16_of,
    indexed_text,
)
from services.ingest.equals import Lately
from services.ingest.ports import Memories, Ref, Vocabularies
from services.ingest.vocabulary import Vocabulary
from services.readside.documents import said_by


@dataclass(frozen=True)
class BatchTexts:
    """The texts of one batch, to be asked for in the order of its commands."""

    embedder: Embedder
    vectors: Iterator[tuple[Any, Equal | None]]
    lately: Lately
    vocabularies: Mapping[str, Vocabulary]
    originals: Mapping[Ref, Original]

    def worked_out(
        self, command: InboxMessage, received: Received, time_ms: int
    ) -> WorkedOut | None:
        """The findings about a command's text; None where it has none.

        Raises:
            Indigestible: the model fails on it.
        """
        if isinstance(command, Concept) and command.namespace in self.vocabularies:
            # The texts behind it in the batch may name it.
            self.vocabularies[command.namespace].learn(command.name, command.aliases)
        self.lately.changed(command)
        content = _content(command)
        if content is None:
            return None
        vector, shown = next(self.vectors)
        if isinstance(vector, Indigestible):
            raise vector
        return WorkedOut(
            embedding_of(vector, self.embedder.model, self.embedder.digest),
            self.vocabularies[command.namespace].find(content),
            self.originals.get(_ref(command)) if isinstance(command, Correct) else None,
            self._equal(command, cause_of(command, received), shown, time_ms),
        )

    def _equal(
        self, command: InboxMessage, cause: UUID, shown: Equal | None, time_ms: int
    ) -> Equal | None:
        if not _looks_for_equals(command):
            return None
        assert isinstance(command, Store)
        equal = self.lately.equal_of(command, cause, shown)
        self.lately.stored(command, equal or Equal(cause, time_ms))
        return equal


class Texts:
    """Embeds what a batch says, and looks for concepts in it."""

    def __init__(self, embedder: Embedder, memories: Memories, vocabularies: Vocabularies) -> None:
        self._embedder = embedder
        self._memories = memories
        self._vocabularies = vocabularies
        self._probes = count()
        self._lately = Lately()

    def begin(self) -> None:
        """Forget what was stored lately: others may have stored since, as partitions have moved."""
        self._lately = Lately()

    async def of(self, commands: Sequence[tuple[InboxMessage, int]]) -> BatchTexts:
        """The texts of commands, each given with when it happened."""
        some = [(each, time_ms) for each, time_ms in commands if _content(each) is not None]
        if not some:
            return BatchTexts(self._embedder, iter(()), self._lately, {}, {})
        refs = dict.fromkeys(_ref(each) for each, _ in some if isinstance(each, Correct))
        documents = await self._memories.of(refs) if refs else {}
        originals = {
            ref: Original(each.created_at, each.speaker) for ref, each in documents.items()
        }
        each_vector, known = await asyncio.gather(
            self._vectors([_indexed(each, time_ms, originals) for each, time_ms in some]),
            self._vocabularies.of(dict.fromkeys(each.namespace for each, _ in some)),
        )
        for ref, each in documents.items():
            named = set(known[ref[0]].find(each.content))
            linked = [concept for concept in each.concepts if concept not in named]
            originals[ref] = replace(originals[ref], linked=linked)
        vectors = list(each_vector)
        equals = await asyncio.gather(
            *(self._equal(each, vector) for (each, _), vector in zip(some, vectors, strict=True))
        )
        found = zip(vectors, equals, strict=True)
        return BatchTexts(self._embedder, found, self._lately, known, originals)

    async def _equal(self, command: InboxMessage, vector: Any) -> Equal | None:
        """The memory, as reads show it, that says what is to be stored."""
        if not _looks_for_equals(command) or isinstance(vector, Indigestible):
            return None
        assert isinstance(command, Store)
        said = said_by(command.content, command.speaker, command.memory_type)
        near = await self._memories.near(command.namespace, float16_of(vector))
        equal = [
            Equal(name, each.created_ms)
            for name, each in near.items()
            if each.said == said and each.expires_at is None
        ]
        return min(equal, key=lambda each: (each.created_ms, str(each.memory_id)), default=None)

    async def _vectors(self, texts: list[str]) -> Iterable[Any]:
        """A vector of each text, or the error in place of one that the model fails on."""
        try:
            return await self._embedder.embed(texts)
        except Exception:  # noqa: BLE001 # of the model or of a text: the probe decides
            await self._embedder.embed([f"probe {next(self._probes)}"])  # none is in its cache
            return [await self._vector(text) for text in texts]

    async def _vector(self, text: str) -> Any:
        try:
            (vector,) = await self._embedder.embed([text])
        except Exception as error:  # noqa: BLE001 # the model works, but for this text
            return Indigestible(f"the embedding model fails on this text: {error!r}")
        return vector


def _looks_for_equals(command: InboxMessage) -> bool:
    return (
        isinstance(command, Store) and command.if_equal == "strengthen" and not command.expires_at
    )


def _content(command: InboxMessage) -> str | None:
    return command.content if isinstance(command, Store | Correct) else None


def _ref(command: Correct) -> Ref:
    return command.namespace, command.memory_id


def _indexed(command: InboxMessage, time_ms: int, originals: Mapping[Ref, Original]) -> str:
    if isinstance(command, Store):
        return indexed_text(command, time_ms)
    assert isinstance(command, Correct)
    return corrected_text(command.content or "", originals.get(_ref(command)))
