"""Names of concepts as the read side has them, read again when one has changed."""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import orjson
import structlog

from human_memory.bus.producer import partition_of
from services.common.redis import REDIS_ERRORS, RedisClient, Word, execute
from services.ingest.vocabulary import Vocabulary
from services.readside.collections import CONCEPTS, VOCABULARY
from services.readside.layout import Control, Layout

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

    Without Redis the last known names are used: memories are stored all the same, perhaps with
    fewer links.
    """

    def __init__(self, redis: RedisClient, prefix: str, *, partitions: int) -> None:
        self._redis = redis
        self._prefix = prefix
        self._partitions = partitions
        self._known: OrderedDict[str, _Known] = OrderedDict()

    async def of(self, namespaces: Iterable[str]) -> dict[str, Vocabulary]:
        """The vocabulary of each namespace, as far as the read side has come."""
        names = list(namespaces)
        try:
            await self._refresh(names)
        except REDIS_ERRORS as error:
            log.warning("concepts as they were last read", error=repr(error))
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

    def _layout(self, namespace: str, version: int) -> Layout:
        return Layout(self._prefix, version, partition_of(namespace.encode(), self._partitions))

    async def _refresh(self, names: list[str]) -> None:
        partitions = [partition_of(name.encode(), self._partitions) for name in names]
        controls = [Control(self._prefix, partition) for partition in partitions]
        heads = await execute(
            self._redis, [["MGET", control.live, control.target] for control in controls]
        )
        builds = [int(_checked(head)[0] or 0) for head in heads]
        asked: list[list[Word]] = []
        for name, build in zip(names, builds, strict=True):
            layout = self._layout(name, build)
            asked.append(["MGET", layout.cursor, VOCABULARY.key(layout, name)])
        places = await execute(self._redis, asked)
        for name, build, head, place in zip(names, builds, heads, places, strict=True):
            cursor, offset = _checked(place)
            if build == 0 or cursor is None or int(cursor) < int(head[1] or 0):
                continue  # the read side is being rebuilt: what we know is more
            version = (build, int(offset or -1))
            if version != self._of(name).version:
                await self._read(name, version)

    async def _read(self, name: str, version: tuple[int, int]) -> None:
        key = CONCEPTS.key(self._layout(name, version[0]), name)
        (reply,) = await execute(self._redis, [["HGETALL", key]])
        fields: list[bytes] = _checked(reply)
        known = self._of(name)
        known.vocabulary, known.version = Vocabulary(), version
        for concept, packed in zip(fields[::2], fields[1::2], strict=True):
            known.vocabulary.learn(concept.decode(), orjson.loads(packed)[2])
        known.ahead = {n: each for n, each in known.ahead.items() if each[0] > version[1]}
        for concept_name, (_, aliases) in known.ahead.items():
            known.vocabulary.learn(concept_name, aliases)


def _checked(reply: Any) -> Any:
    if isinstance(reply, Exception):
        raise reply
    return reply
