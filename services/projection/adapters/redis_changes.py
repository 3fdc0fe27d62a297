"""The fold's changes as commands for Redis: absolute values only, so a repeat is harmless."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
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
                if not fields:
                    continue
                key = collection.key(layout, name, *map(collection.spell, part))
                yield from _entries(collection, key, fields)
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
) -> Commands:
    """What makes them so, in one collection of a namespace or of a part of it."""
    kept = {field: packed for field, packed in fields.items() if packed is not None}
    gone: list[Word] = [field for field in fields if field not in kept]
    if collection.kind == "string":
        yield ["SET", key, *kept.values()] if kept else ["DEL", key]
    elif collection.kind == "hash":
        yield from _cut(["HSET", key], _words(kept))
        yield from _cut(["HDEL", key], gone)
    else:
        only = [collection.only] if isinstance(collection, MemoryList) and collection.only else []
        yield from _scored(["ZADD", key, *only], zip(kept.values(), kept, strict=True))
        yield from _cut(["ZREM", key], gone)
    if isinstance(collection, MemoryList) and collection.most is not None:
        yield ["ZREMRANGEBYRANK", key, 0, -collection.most - 1]


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


def _scored(head: list[Word], scores: Scores) -> Commands:
    return _cut(head, list(chain.from_iterable(scores)))


def _cut(head: list[Word], words: Sequence[Word]) -> Commands:
    """One command, or several where Lua could not take so many words; none without words."""
    for at in range(0, len(words), WORDS_MAX):
        yield [*head, *words[at : at + WORDS_MAX]]


def _words(fields: Mapping[Any, Word]) -> list[Word]:
    return [word for pair in fields.items() for word in pair]
