"""The fold's changes as commands for Redis: absolute values only, so a repeat is harmless."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

from services.common.redis import Word
from services.projection.fold.view import Memory, Touched, View
from services.readside.collections import (
    CONTENTS,
    AnyCollection,
    Contents,
    Field,
    MemoryList,
    Packed,
)
from services.readside.due_index import due_ms
from services.readside.layout import SEEN_EVENTS_MAX, Layout, RecordFormat

Commands = Iterator[list[Word]]
Scores = Iterable[tuple[Word, Word]]
# Lua can hand 8,000 words to a command. Even: what comes in pairs stays together.
WORDS_MAX = 4_000


def changes(
    view: View, layout: Layout, next_cursor: int, contents: Contents = CONTENTS
) -> Commands:
    """The commands that write what changed in `view`."""
    for name, touched in view.touched.items():
        yield ["SADD", layout.namespaces, name]
        memories = {str(each): view.memories[name, each] for each in touched.memories}
        for memory_id, memory in memories.items():
            yield from _memory(memory, (name, memory_id), layout, contents.record)
        for collection in contents.collections:
            if isinstance(collection, MemoryList):
                entries = collection.entries(memories)
            else:
                source = collection.of or collection
                entries = collection.entries(view.namespace(name)[source], touched[source])
            for part, fields in entries.items():
                if fields:
                    yield from _entries(collection, collection.key_of(layout, name, part), fields)
        yield from _due(view, name, touched, layout)
    if view.seen_now:
        seen = ((offset, event_id) for event_id, offset in view.seen_now.items())
        yield from _scored(["ZADD", layout.seen], seen)
        yield ["ZREMRANGEBYSCORE", layout.seen, "-inf", f"({next_cursor - SEEN_EVENTS_MAX}"]


def _memory(
    memory: Memory, ref: tuple[str, str], layout: Layout, record: RecordFormat[Any]
) -> Commands:
    state = memory.state
    if memory.document is not None:
        yield ["HSET", layout.document(state.status, *ref), *_words(memory.document)]
    elif memory.document_status is not None and memory.document_status != state.status:
        before = layout.document(memory.document_status, *ref)
        yield ["RENAME", before, layout.document(state.status, *ref)]
    yield ["SET", layout.record(*ref), record.pack(state, memory.parts)]
    if memory.contexts:
        yield from _cut(["HSET", layout.contexts(*ref)], _words(memory.contexts))
    if memory.contexts_dropped:
        yield from _cut(["HDEL", layout.contexts(*ref)], [*memory.contexts_dropped])


def _entries(
    collection: AnyCollection, key: str, fields: Mapping[Field, Packed | None]
) -> list[list[Word]]:
    """What makes them so, in one collection of a namespace or of a part of it."""
    kept: Mapping[Field, Any] = fields
    gone: list[Word] = []
    if None in fields.values():
        kept = {field: packed for field, packed in fields.items() if packed is not None}
        gone = [field for field in fields if field not in kept]
    if collection.kind == "string":
        return [["SET", key, *kept.values()] if kept else ["DEL", key]]
    if collection.kind == "hash":
        commands = _cut(["HSET", key], _words(kept))
    else:
        add: list[Word] = ["ZADD", key, collection.only] if collection.only else ["ZADD", key]
        commands = _scored(add, zip(kept.values(), kept, strict=True))
    if gone:
        commands += _cut(["HDEL" if collection.kind == "hash" else "ZREM", key], gone)
    if collection.most is not None:
        commands.append(["ZREMRANGEBYRANK", key, 0, -collection.most - 1])
    return commands


def _due(view: View, name: str, touched: Touched, layout: Layout) -> Commands:
    """Only ever earlier: what may be later, maintenance finds when it looks."""
    gone: list[Word] = []
    due: list[tuple[float, Word]] = []
    parameters = view.namespace(name).parameters
    for memory_id in touched.memories:
        memory = view.memories[name, memory_id]
        if memory.state.status != "active":
            if memory.moves:
                gone.append(str(memory_id))
        elif memory_id in touched.due and not memory.state.pinned:
            score = due_ms(memory.state, memory.parts.traces, parameters)
            due.append((score, str(memory_id)))
    yield from _scored(["ZADD", layout.due(name), "LT"], due)
    yield from _cut(["ZREM", layout.due(name)], gone)


def _scored(head: list[Word], scores: Scores) -> list[list[Word]]:
    return _cut(head, list(chain.from_iterable(scores)))


def _cut(head: list[Word], words: list[Word]) -> list[list[Word]]:
    """One command, or several where Lua could not take so many words; none without words."""
    return [head + words[at : at + WORDS_MAX] for at in range(0, len(words), WORDS_MAX)]


def _words(fields: Mapping[Any, Word]) -> list[Word]:
    return list(chain.from_iterable(fields.items()))
