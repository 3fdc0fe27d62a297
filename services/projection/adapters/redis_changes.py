"""The fold's changes as commands for Redis: absolute values only, so a repeat is harmless."""

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

from services.common.redis import Word
from services.projection.fold.view import Memory, Touched, View
from services.readside import corrections
from services.readside.collections import (
    CHANGED,
    CLEARED,
    CONTENTS,
    LINKED,
    LINKS,
    RELATIONS,
    SESSIONS,
    AnyCollection,
    Contents,
    Entries,
    Field,
    MemoryList,
)
from services.readside.due_index import due_with_expiry
from services.readside.layout import SEEN_EVENTS_MAX, STATUSES, Layout, RecordFormat

Commands = Iterator[list[Word]]
# Lua can pass 8,000 arguments to a command. The number is even, so that pairs stay whole.
WORDS_MAX = 4_000
# Taking one out of the index takes a tenth of a millisecond; searches wait meanwhile.
CLEARED_AT_ONCE = 100


def changes(
    view: View, layout: Layout, next_cursor: int, contents: Contents = CONTENTS
) -> Commands:
    """The commands that write what changed in `view`."""
    for name, offset in view.cleared.items():
        yield from _cleared(view, name, layout, contents)
        yield ["SREM", layout.namespaces, name]
        yield ["SET", CLEARED.key(layout, name), offset]
    for name, touched in view.touched.items():
        yield ["SADD", layout.namespaces, name]
        memories = {str(each): view.memories[name, each] for each in touched.memories}
        for memory_id, memory in memories.items():
            yield from _memory(memory, (name, memory_id), layout, contents.record)
        for collection in contents.collections:
            if isinstance(collection, MemoryList):
                entries = collection.entries(memories)
            elif keys := touched.keys.get(collection.of or collection):
                held = view.namespace(name)[collection.of or collection]
                entries = collection.entries(held, keys)
            else:
                continue
            yield from _collection(collection, entries, name, layout)
        yield from _due(view, name, touched, layout)
    if view.seen_now:
        yield from _scored(["ZADD", layout.seen], view.seen_now)
        yield ["ZREMRANGEBYSCORE", layout.seen, "-inf", f"({next_cursor - SEEN_EVENTS_MAX}"]


def _cleared(view: View, name: str, layout: Layout, contents: Contents) -> Commands:
    """Deletes all keys of a namespace."""
    of_memory = [layout.record(name, ""), layout.contexts(name, "")]
    documents = [layout.document(status, name, "") for status in STATUSES]
    lists = [CHANGED.key(layout, name), LINKS.key(layout, name)]
    parts = [SESSIONS.key(layout, name, ""), LINKED.key(layout, name, "")]
    yield ["CLEAR", CLEARED_AT_ONCE, *lists, *parts, *of_memory, *documents]
    keys: list[Word] = [layout.due(name), layout.due_parameters(name)]
    keys += [each.key(layout, name) for each in contents.collections if not each.parts]
    keys += [RELATIONS.key_of(layout, name, each) for each in view.concepts.get(name, [])]
    yield from _cut(["UNLINK"], keys)


def _memory(
    memory: Memory, ref: tuple[str, str], layout: Layout, record: RecordFormat[Any]
) -> Commands:
    state = memory.state
    document = layout.document(state.status, *ref)
    if memory.document_status is not None and memory.document_status != state.status:
        yield ["RENAME", layout.document(memory.document_status, *ref), document]
    if memory.document is not None:
        yield ["HSET", document, *_words(memory.document)]
        if corrections.FIELD not in memory.document:
            yield ["HDEL", document, corrections.FIELD]
    yield ["SET", layout.record(*ref), record.pack(state, memory.parts)]
    if memory.contexts:
        yield from _cut(["HSET", layout.contexts(*ref)], _words(memory.contexts))
    if memory.contexts_dropped:
        yield from _cut(["HDEL", layout.contexts(*ref)], [*memory.contexts_dropped])


def _collection(collection: AnyCollection, entries: Entries, name: str, layout: Layout) -> Commands:
    is_hash, key = collection.kind == "hash", collection.key(layout, name)
    for part, fields in entries.items():
        place = f"{key}:{collection.spell(part)}" if collection.parts else key
        if collection.kind == "string":
            (packed,) = fields.values()
            yield ["DEL", place] if packed is None else ["SET", place, packed]
            continue
        kept: Mapping[Field, Any] = fields
        if None in fields.values():
            kept = {field: packed for field, packed in fields.items() if packed is not None}
            gone: list[Word] = [field for field in fields if field not in kept]
            yield from _cut(["HDEL" if is_hash else "ZREM", place], gone)
        if is_hash:
            yield from _cut(["HSET", place], _words(kept))
        else:
            add: list[Word] = ["ZADD", place]
            yield from _scored([*add, collection.only] if collection.only else add, kept)
            if collection.most is not None:
                yield ["ZREMRANGEBYRANK", place, 0, -collection.most - 1]


def _due(view: View, name: str, touched: Touched, layout: Layout) -> Commands:
    """Only ever earlier: what may be later, maintenance finds when it looks."""
    gone: list[Word] = []
    due: dict[str, float] = {}
    parameters = view.namespace(name).parameters
    for memory_id in touched.memories:
        memory = view.memories[name, memory_id]
        if memory.state.status != "active":
            if memory.moves:
                gone.append(str(memory_id))
        elif memory_id in touched.due:
            moment = due_with_expiry(memory.state, memory.parts.traces, parameters)
            if moment is not None:
                due[str(memory_id)] = moment
    yield from _scored(["ZADD", layout.due(name), "LT"], due)
    yield from _cut(["ZREM", layout.due(name)], gone)


def _scored(head: list[Word], scores: Mapping[Any, Word]) -> list[list[Word]]:
    pairs = zip(scores.values(), scores, strict=True)
    return _cut(head, list(chain.from_iterable(pairs)))


def _cut(head: list[Word], words: list[Word]) -> list[list[Word]]:
    """One command, or several where Lua could not take so many words; none without words."""
    return [head + words[at : at + WORDS_MAX] for at in range(0, len(words), WORDS_MAX)]


def _words(fields: Mapping[Any, Word]) -> list[Word]:
    return list(chain.from_iterable(fields.items()))
