"""Names of concepts as the read side has them, read again when one has changed."""

import asyncio
from collections import OrderedDict, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

import structlog

from schemas.errors import MemoryServiceError
from services.common.redis import Word
from services.ingest.vocabulary import Vocabulary
from services.readside.collections import CLEARED, CONCEPTS, VOCABULARY
from services.readside.concepts import unpack_concept
from services.readside.layout import Layout
from services.readside.live_build import Commands, LiveBuild

log = structlog.get_logger(__name__)
NAMESPACES_MAX = 1_000


@dataclass(slots=True)
class _Known:
    """`version`: build and offset of the last event on a concept that `vocabulary` has seen.

    `ahead`: concepts that we have put into the log ourselves, and where.
    """

    version: tuple[int, int] = (0, -1)
    vocabulary: Vocabulary = field(default_factory=Vocabulary)
    ahead: dict[str, tuple[int, tuple[str, ...]]] = field(default_factory=dict)


class RedisVocabularies:
    """`Vocabularies` of the namespaces seen lately.

    While the read side can't be read, or is behind, the last known names are used: memories are
    stored all the same, perhaps with fewer links.
    """

    def __init__(self, build: LiveBuild) -> None:
        self._build = build
        self._known: OrderedDict[str, _Known] = OrderedDict()

    async def of(self, namespaces: Iterable[str]) -> dict[str, Vocabulary]:
        """The vocabulary of each namespace, as far as the read side has come."""
        names = list(namespaces)
        by_partition: defaultdict[int, list[str]] = defaultdict(list)
        for name in names:
            by_partition[self._build.partition(name)].append(name)
        await asyncio.gather(*(self._refresh(*each) for each in by_partition.items()))
        found = {name: self._of(name).vocabulary for name in names}
        while len(self._known) > NAMESPACES_MAX:
            self._known.popitem(last=False)
        return found

    def learn(self, namespace: str, name: str, aliases: tuple[str, ...], offset: int) -> None:
        """A concept that is in the log at `offset`: the read side may not have it yet."""
        known = self._of(namespace)
        known.ahead[name] = (offset, aliases)
        known.vocabulary.learn(name, aliases)

    def _of(self, namespace: str) -> _Known:
        known = self._known.setdefault(namespace, _Known())
        self._known.move_to_end(namespace)
        return known

    async def _refresh(self, partition: int, names: list[str]) -> None:
        try:
            _, offsets = await self._build.read(
                partition, lambda layout: [_offsets(layout, name) for name in names]
            )
            for name, offset in zip(names, offsets, strict=True):
                if self._version(partition, offset) != self._of(name).version:
                    await self._read(partition, name)
        except MemoryServiceError as error:
            log.warning("concepts as they were last read", error=error.message)

    async def _read(self, partition: int, name: str) -> None:
        def queue(layout: Layout) -> Commands:
            return [
                _offsets(layout, name),
                ["HGETALL", CONCEPTS.key(layout, name)],
            ]

        # At one instant, and of the build that is live then: another may be by now.
        _, (offset, fields) = await self._build.read(partition, queue, atomic=True)
        known = self._of(name)
        known.vocabulary, known.version = Vocabulary(), self._version(partition, offset)
        for concept, packed in zip(fields[::2], fields[1::2], strict=True):
            known.vocabulary.learn(concept.decode(), unpack_concept(packed).also)
        known.ahead = {n: each for n, each in known.ahead.items() if each[0] > known.version[1]}
        for concept_name, (_, aliases) in known.ahead.items():
            known.vocabulary.learn(concept_name, aliases)

    def _version(self, partition: int, offsets: list[bytes | None]) -> tuple[int, int]:
        """The state of a vocabulary that was just read."""
        return self._build.version(partition), max(int(each or -1) for each in offsets)


def _offsets(layout: Layout, name: str) -> list[Word]:
    """Reads where a concept changed last, and where the namespace was deleted."""
    return ["MGET", VOCABULARY.key(layout, name), CLEARED.key(layout, name)]
