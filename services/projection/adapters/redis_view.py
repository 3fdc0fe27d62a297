"""Reads from Redis what the fold of a batch needs."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any
from uuid import UUID

from services.common.redis import RedisClient, Word, execute
from services.projection.fold.view import Memory, Needs, Ref, View, Wanted
from services.projection.further import further
from services.readside.collections import (
    CONCEPTS,
    CONTENTS,
    LINKED,
    SESSIONS,
    Contents,
    unpack_place,
)
from services.readside.layout import STATUSES, Layout, RecordFormat, hash64

Use = Callable[[Any], None]


class _Reads:
    """Reads at one instant, whose replies go where they are used."""

    def __init__(self, redis: RedisClient) -> None:
        self._redis = redis
        self._commands: list[list[Word]] = []
        self._uses: list[Use] = []

    def add(self, use: Use, *words: Word) -> None:
        self._commands.append(list(words))
        self._uses.append(use)

    async def run(self) -> None:
        commands, self._commands = self._commands, []
        uses, self._uses = self._uses, []
        if not commands:
            return
        *_, replies = await execute(self._redis, [["MULTI"], *commands, ["EXEC"]])
        for reply in [replies] if isinstance(replies, Exception) else replies:
            if isinstance(reply, Exception):
                raise reply
        for use, reply in zip(uses, replies, strict=True):
            use(reply)


async def load_view(
    redis: RedisClient, layout: Layout, needs: Needs, contents: Contents = CONTENTS
) -> tuple[int, View]:
    """The view that `needs` describes, and the cursor it is good for.

    It takes one round trip more for each kind of thing that what was read calls for. What a write
    between them changes is never applied: the write moved the cursor, which `apply` compares.
    """
    view = View()
    cursors: list[int] = []
    reads = _Reads(redis)
    reads.add(lambda reply: cursors.append(int(reply or 0)), "GET", layout.cursor)
    if needs.events:
        reads.add(
            lambda reply: _seen(view, needs.events, reply), "ZMSCORE", layout.seen, *needs.events
        )
    for name in needs.namespaces:
        view.namespace(name)
    for name in sorted(needs.ending):
        use = partial(_concepts, view, name)
        reads.add(use, "HKEYS", CONCEPTS.key(layout, name))
    for name, session, time_ms in sorted(needs.places):
        key, use = SESSIONS.key(layout, name, session), partial(_places, view, name, session)
        reads.add(use, "ZREVRANGEBYSCORE", key, time_ms, "-inf", "WITHSCORES", "LIMIT", 0, 1)
        reads.add(use, "ZRANGEBYSCORE", key, f"({time_ms}", "+inf", "WITHSCORES", "LIMIT", 0, 1)
    asked = more = needs
    while True:
        documents: dict[Ref, dict[str, bytes]] = {}
        linked = Needs()
        _queue_memories(reads, view, layout, more.memories, record=contents.record)
        _queue_documents(reads, documents, layout, more.documents)
        _queue_collections(reads, view, layout, more, contents=contents)
        _queue_linked(reads, linked, layout, more.linked)
        await reads.run()
        for ref in documents.keys() & view.memories.keys():
            view.memories[ref].document = documents[ref]
        asked.include(more)
        more = further(view, asked)
        more.include(linked.without(asked))
        if not more:
            break
    return cursors[0], view


def _queue_linked(
    reads: _Reads, found: Needs, layout: Layout, concepts: Iterable[tuple[str, str]]
) -> None:
    """The memories linked to some concepts, with their documents."""
    for name, concept in concepts:

        def use(ids: list[bytes], name: str = name) -> None:
            refs = [(name, UUID(each.decode())) for each in ids]
            found.memories |= dict.fromkeys(refs)
            found.documents.update(refs)

        reads.add(use, "ZRANGE", LINKED.key(layout, name, hash64(concept).hex()), 0, -1)


def _queue_memories(
    reads: _Reads, view: View, layout: Layout, refs: Iterable[Ref], *, record: RecordFormat[Any]
) -> None:
    wanted = list(refs)

    def use(records: list[bytes | None]) -> None:
        for ref, packed in zip(wanted, records, strict=True):
            if packed is not None:
                state, parts = record.unpack(packed)
                view.memories[ref] = Memory(state, parts, document_status=state.status)

    if wanted:
        reads.add(use, "MGET", *(layout.record(*ref) for ref in wanted))


def _queue_documents(
    reads: _Reads, documents: dict[Ref, dict[str, bytes]], layout: Layout, refs: Iterable[Ref]
) -> None:
    """Under every status: at one instant a document lies under one of them."""
    for ref in refs:

        def use(reply: list[bytes], ref: Ref = ref) -> None:
            if reply:
                names = [name.decode() for name in reply[::2]]
                documents[ref] = dict(zip(names, reply[1::2], strict=True))

        for status in STATUSES:
            reads.add(use, "HGETALL", layout.document(status, *ref))


def _queue_collections(
    reads: _Reads, view: View, layout: Layout, needs: Needs, *, contents: Contents
) -> None:
    for (collection, name), keys in needs.wanted(contents.collections).items():
        for part, fields in collection.places(keys).items():
            key = collection.key_of(layout, name, part)
            use = partial(_take, view, (collection, name), [*fields])
            if collection.kind == "string":
                reads.add(use, "MGET", key)
            else:
                read = "HMGET" if collection.kind == "hash" else "ZMSCORE"
                reads.add(use, read, key, *fields.values())
    for (collection, name), parts in needs.parts.items():
        for each in parts:
            key = collection.key_of(layout, name, each)
            reads.add(partial(_take_part, view, (collection, name), each), "HGETALL", key)


def _take(view: View, of: Wanted, keys: list[Any], reply: list[bytes | None]) -> None:
    collection, name = of
    for key, packed in zip(keys, reply, strict=True):
        if packed is not None:
            view.namespace(name)[collection][key] = collection.unpack(packed)


def _take_part(view: View, of: Wanted, part: str, reply: list[bytes]) -> None:
    fields = [(part, field) for field in reply[::2]]
    _take(view, of, fields, list(reply[1::2]))


def _seen(view: View, events: list[bytes], scores: list[bytes | None]) -> None:
    for event_id, score in zip(events, scores, strict=True):
        if score is not None:
            view.seen[event_id] = int(float(score))


def _concepts(view: View, name: str, reply: list[bytes]) -> None:
    view.concepts[name] = [each.decode() for each in reply]


def _places(view: View, name: str, session: str, reply: list[Any]) -> None:
    known = view.namespace(name).sessions.setdefault(session, [])
    for packed, score in zip(reply[::2], reply[1::2], strict=True):
        place = unpack_place(float(score), packed)
        if place not in known:
            known.append(place)
    known.sort()
