"""The graphs of a fold as the live build shows them, without Redis."""

import asyncio
from typing import Any, cast

from schemas.errors import Unavailable
from schemas.events import MemoryEvent
from services.common.redis import RedisClient
from services.projection.fold.fold import fold_log
from services.readside.concepts import pack_concept
from services.readside.layout import Layout, hash64
from services.readside.live_build import LiveBuild, Queue

PREFIX = "hm:"


class FoldedGraph(LiveBuild):
    """`LiveBuild` on one partition whose log is `events`.

    `away`: so many reads fail. `reads`: how many there were, `values` what was read of the graph.
    `after_reads`: what is folded after so many reads.
    """

    def __init__(self, *events: MemoryEvent) -> None:
        super().__init__(cast("RedisClient", None), PREFIX, partitions=1)
        self.events = list(events)
        self.live = 1
        self.away = 0
        self.reads = 0
        self.values: list[bytes | str] = []
        self.after_reads: dict[int, list[MemoryEvent]] = {}

    async def read(
        self, partition: int, queue: Queue, *, answering: bool = True, atomic: bool = False
    ) -> tuple[int, list[Any]]:
        await asyncio.sleep(0)
        self.reads += 1
        if self.away:
            self.away -= 1
            raise Unavailable("Redis is away")
        self._versions[partition] = self.live
        layout = Layout(PREFIX, self.live, partition)
        keys, cursor = self._keys(layout), len(self.events)
        replies = [self._reply(keys, command) for command in queue(layout)]
        self.events += self.after_reads.pop(self.reads, [])
        return cursor, replies

    def _keys(self, layout: Layout) -> dict[str, dict[Any, Any]]:
        """What Redis would hold, every value a hash or a sorted set."""
        view = fold_log(enumerate(self.events))
        keys: dict[str, dict[Any, Any]] = {layout.seen: view.seen}
        for name, namespace in view.namespaces.items():
            packed = {concept: pack_concept(each) for concept, each in namespace.concepts.items()}
            keys |= {layout.graph(name): namespace.graph, layout.concepts(name): packed}
            for (concept, field), weight in namespace.relations.items():
                key = layout.relations(name, hash64(concept))
                keys.setdefault(key, {})[field] = repr(weight).encode()
        return keys

    def _reply(self, keys: dict[str, dict[Any, Any]], command: list[Any]) -> Any:
        verb, key, *words = command
        held = keys.get(key, {})
        by_score = sorted((score, member) for member, score in held.items() if verb[0] == "Z")
        match [verb, *words]:
            case ["ZRANGEBYSCORE", since, "+inf", "WITHSCORES", "LIMIT", 0, limit]:
                return _with_scores([each for each in by_score if each[0] >= since][:limit])
            case ["ZREVRANGE", 0, 0, "WITHSCORES"]:
                return _with_scores(by_score[-1:])
            case ["ZCARD"]:
                return len(held)
            case ["ZSCORE", member]:
                return None if member not in held else b"%d" % held[member]
            case ["HGET", field]:
                return held.get(field)
            case ["HGETALL"]:
                return [word for pair in held.items() for word in pair]
            case ["HMGET", *fields]:
                self.values += fields
                return [held.get(field) for field in fields]
            case _:
                raise AssertionError(f"no reply to {command}")


def _with_scores(rows: list[tuple[int, bytes]]) -> list[bytes]:
    return [word for score, member in rows for word in (member, b"%d" % score)]
