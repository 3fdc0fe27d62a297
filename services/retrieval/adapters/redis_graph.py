"""Reads of the graph from the live build in Redis."""

from collections import Counter, defaultdict
from collections.abc import Sequence

from services.readside.collections import CLEARED, CONCEPTS, GRAPH, RELATIONS
from services.readside.concepts import Concept, unpack_concept
from services.readside.layout import Layout, hash64, relation_field, unpack_element
from services.readside.live_build import Commands, LiveBuild, position_of
from services.retrieval.adapters.redis_names import read_names
from services.retrieval.graph.cached_graph import Mark, Relation
from services.retrieval.ports import Changes, GraphMoved, Position


class RedisGraphReader:
    """`GraphReader` on the live build."""

    def __init__(self, build: LiveBuild) -> None:
        self._build = build

    def position(self, namespace: str, cursor: int) -> Position:
        return position_of(self._build.partition(namespace), cursor)

    async def names(self, namespace: str, said: Sequence[str]) -> list[str]:
        return await read_names(self._build, namespace, said)

    async def concept(
        self, namespace: str, name: str
    ) -> tuple[int, Concept | None, dict[tuple[str, str, str], float]]:
        def queue(layout: Layout) -> Commands:
            return [
                ["HGET", CONCEPTS.key(layout, namespace), name],
                ["HGETALL", RELATIONS.key(layout, namespace, hash64(name).hex())],
            ]

        partition = self._build.partition(namespace)
        cursor, (packed, fields) = await self._build.read(partition, queue, atomic=True)
        relations = {}
        for field, weight in zip(fields[::2], fields[1::2], strict=True):
            direction, kind, other = field.decode().split("\x1f", 2)
            relations[direction, kind, other] = float(weight)
        return cursor, unpack_concept(packed) if packed else None, relations

    async def changes(self, namespace: str, since: int, mark: Mark | None, *, most: int) -> Changes:
        def queue(layout: Layout) -> Commands:
            graph = GRAPH.key(layout, namespace)
            return [
                ["ZRANGEBYSCORE", graph, since, "+inf", "WITHSCORES", "LIMIT", 0, most],
                ["ZCARD", graph],
                ["ZREVRANGE", layout.seen, 0, 0, "WITHSCORES"],
                ["ZSCORE", layout.seen, bytes.fromhex(mark[0]) if mark else b""],
                ["GET", CLEARED.key(layout, namespace)],
            ]

        partition = self._build.partition(namespace)
        cursor, replies = await self._build.read(partition, queue, atomic=True)
        listed, total, newest, score, cleared = replies
        gone = mark is not None and int(cleared or -1) > mark[1]
        full = len(listed) == 2 * most
        if full:  # one event may have moved many, which share its offset
            last = listed[-1]
            _, (same,) = await self._build.read(
                partition,
                lambda layout: [["ZRANGEBYSCORE", GRAPH.key(layout, namespace), last, last]],
            )
            listed += [each for packed in same if packed not in listed for each in (packed, last)]
        elements = [unpack_element(packed) for packed in listed[::2]]
        return Changes(
            version=self._build.version(partition),
            cursor=cursor,
            concepts=[names[0] for names in elements if len(names) == 1],
            relations=[(names[0], names[1], names[2]) for names in elements if len(names) == 3],
            total=total,
            mark=(newest[0].hex(), int(float(newest[1]))) if newest else None,
            known=not gone
            and (mark is None or (score is not None and int(float(score)) == mark[1])),
            more=int(float(listed[-1])) + 1 if full else None,
        )

    async def values(
        self, namespace: str, changes: Changes
    ) -> tuple[dict[str, Concept], dict[Relation, float]]:
        ends = fields_by_end(changes.relations)

        def queue(layout: Layout) -> Commands:
            commands: Commands = [
                ["HMGET", RELATIONS.key(layout, namespace, hash64(end).hex()), *fields.values()]
                for end, fields in ends.items()
            ]
            if changes.concepts:
                commands.append(["HMGET", CONCEPTS.key(layout, namespace), *changes.concepts])
            return commands

        partition = self._build.partition(namespace)
        _, replies = await self._build.read(partition, queue)
        gone = any(value is None for reply in replies for value in reply)
        if gone or self._build.version(partition) != changes.version:
            raise GraphMoved("the graph changed while it was read; ask again")
        packed = replies.pop() if changes.concepts else []
        weights = {
            relation: float(weight)
            for fields, reply in zip(ends.values(), replies, strict=True)
            for relation, weight in zip(fields, reply, strict=True)
        }
        return dict(zip(changes.concepts, map(unpack_concept, packed), strict=True)), weights


def fields_by_end(relations: list[Relation]) -> dict[str, dict[Relation, bytes]]:
    """Fields to read by the concept to read them at: the end with more of them, so few commands."""
    count = Counter(end for source, _, target in relations for end in (source, target))
    fields: defaultdict[str, dict[Relation, bytes]] = defaultdict(dict)
    for relation in relations:
        source, kind, target = relation
        if count[source] >= count[target]:
            fields[source][relation] = relation_field("out", kind, target)
        else:
            fields[target][relation] = relation_field("in", kind, source)
    return fields
