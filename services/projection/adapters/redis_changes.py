"""The fold's changes as commands for Redis: absolute values only, so a repeat is harmless."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from services.common.redis import Word
from services.projection.fold.sessions import pack_place
from services.projection.fold.view import Memory, Namespace, Touched, View
from services.readside import corrections
from services.readside.concepts import pack_concept
from services.readside.due_index import due_ms
from services.readside.layout import (
    RECENT_MAX,
    SEEN_EVENTS_MAX,
    STATUSES,
    Layout,
    hash64,
    pack_record,
)
from services.readside.parameters import pack_parameters
from services.readside.runs import pack_run, pack_run_ids
from services.readside.terms import concepts_of

Commands = Iterator[list[Word]]
Scores = Iterable[tuple[int | float, Word]]
# Lua can pass 8,000 arguments to a command. The number is even, so that pairs stay whole.
WORDS_MAX = 4_000


def changes(view: View, layout: Layout, next_cursor: int) -> Commands:
    """The commands that write what changed in `view`."""
    for name, touched in view.touched.items():
        memories = {str(each): view.memories[name, each] for each in touched.memories}
        for memory_id, memory in memories.items():
            yield from _memory(memory, (name, memory_id), layout)
        yield from _lists(memories, name, layout)
        yield from _namespace(view.namespaces[name], name, touched, layout)
        yield from _due(view, name, touched, layout)
    if view.seen_now:
        seen = ((offset, event_id) for event_id, offset in view.seen_now.items())
        yield from _scored(["ZADD", layout.seen], seen)
        yield ["ZREMRANGEBYSCORE", layout.seen, "-inf", f"({next_cursor - SEEN_EVENTS_MAX}"]


def _memory(memory: Memory, ref: tuple[str, str], layout: Layout) -> Commands:
    state = memory.state
    document = layout.document(state.status, *ref)
    if memory.document_status is not None and memory.document_status != state.status:
        yield ["RENAME", layout.document(memory.document_status, *ref), document]
    if memory.document is not None:
        yield ["HSET", document, *_words(memory.document)]
        if corrections.FIELD not in memory.document:
            yield ["HDEL", document, corrections.FIELD]
    yield ["SET", layout.record(*ref), pack_record(state, memory.parts)]
    if memory.contexts:
        yield from _cut(["HSET", layout.contexts(*ref)], _words(memory.contexts))
    if memory.contexts_dropped:
        yield from _cut(["HDEL", layout.contexts(*ref)], [*memory.contexts_dropped])


def _lists(memories: Mapping[str, Memory], name: str, layout: Layout) -> Commands:
    """The lists that name memories: a command for many takes half of what one for each takes."""
    states = [(memory_id, memory.state) for memory_id, memory in memories.items()]
    changed = ((memory.changed_at, memory_id) for memory_id, memory in memories.items())
    yield from _scored(["ZADD", layout.changed(name)], changed)
    recent = ((state.last_accessed_ms, memory_id) for memory_id, state in states)
    yield from _scored(["ZADD", layout.recent(name), "GT"], recent)
    frequent = ((state.use, memory_id) for memory_id, state in states if state.use > 1)
    yield from _scored(["ZADD", layout.frequent(name), "GT"], frequent)
    linked: defaultdict[bytes, list[tuple[int, Word]]] = defaultdict(list)
    unlinked: defaultdict[bytes, list[Word]] = defaultdict(list)
    for memory_id, memory in memories.items():
        if _is_elsewhere(memory):
            for concept in concepts_of(memory.parts.concepts):
                if memory.state.status == "deleted":
                    unlinked[concept].append(memory_id)
                else:
                    linked[concept].append((memory.state.offset, memory_id))
        for concept in memory.unlinked:
            unlinked[concept].append(memory_id)
    for concept, scores in linked.items():
        yield from _scored(["ZADD", layout.linked(name, concept)], scores)
    for concept, gone in unlinked.items():
        yield from _cut(["ZREM", layout.linked(name, concept)], gone)


def _namespace(namespace: Namespace, name: str, touched: Touched, layout: Layout) -> Commands:
    yield ["SADD", layout.namespaces, name]
    if touched.memories:
        for capped in (layout.recent(name), layout.frequent(name)):
            yield ["ZREMRANGEBYRANK", capped, 0, -RECENT_MAX - 1]
        statuses = {status: namespace.statuses[status] for status in STATUSES}
        yield ["HSET", layout.counts(name), *_words(statuses | {"length": namespace.length})]
    yield from _counts(
        layout.document_frequencies(name), namespace.document_frequencies, touched.terms
    )
    yield from _counts(layout.links(name), namespace.links, touched.links)
    for session, place in touched.places:
        yield ["ZADD", layout.session(name, session), place[0], pack_place(place)]
    yield from _graph(namespace, name, touched, layout)
    for run_id in touched.runs:
        run = namespace.runs[run_id]
        yield ["HSET", layout.runs(name), run_id.hex, pack_run(run)]
        yield ["ZADD", layout.runs_by_offset(name), run.offset, run_id.hex]
    if touched.parameters:
        yield ["SET", layout.parameters(name), pack_parameters(namespace.parameters)]


def _graph(namespace: Namespace, name: str, touched: Touched, layout: Layout) -> Commands:
    for concept in touched.concepts:
        if concept in namespace.concepts:
            packed = pack_concept(namespace.concepts[concept])
            yield ["HSET", layout.concepts(name), concept, packed]
        else:
            yield ["HDEL", layout.concepts(name), concept]
    if touched.concepts:
        yield ["SET", layout.vocabulary(name), namespace.vocabulary or 0]
    for concept, field in touched.relations:
        key = layout.relations(name, hash64(concept))
        if (concept, field) in namespace.relations:
            yield ["HSET", key, field, repr(namespace.relations[concept, field])]
        else:
            yield ["HDEL", key, field]
    for element in touched.graph:
        if element in namespace.graph:
            yield ["ZADD", layout.graph(name), namespace.graph[element], element]
        else:
            yield ["ZREM", layout.graph(name), element]
    made = {
        each: pack_run_ids(namespace.made[each]) for each in touched.made & namespace.made.keys()
    }
    if made:
        yield from _cut(["HSET", layout.made(name)], _words(made))
    if others := touched.made - made.keys():
        yield from _cut(["HDEL", layout.made(name)], [*others])


def _due(view: View, name: str, touched: Touched, layout: Layout) -> Commands:
    """Only ever earlier: what may be later, maintenance finds when it looks."""
    gone: list[Word] = []
    due: list[tuple[float, Word]] = []
    parameters = view.namespaces[name].parameters
    for memory_id in touched.memories:
        memory = view.memories[name, memory_id]
        if memory.state.status != "active":
            if _is_elsewhere(memory):
                gone.append(str(memory_id))
        elif memory_id in touched.due and not memory.state.pinned:
            score = due_ms(memory.state, memory.parts.traces, parameters)
            due.append((score, str(memory_id)))
    yield from _scored(["ZADD", layout.due(name), "LT"], due)
    yield from _cut(["ZREM", layout.due(name)], gone)


def _is_elsewhere(memory: Memory) -> bool:
    """True where its document is not yet what and where a memory of its status has it."""
    return memory.document is not None or memory.document_status != memory.state.status


def _counts(key: str, counts: dict[bytes, int], touched: set[bytes]) -> Commands:
    some = {field: counts[field] for field in touched if counts[field]}
    none: list[Word] = [field for field in touched if not counts[field]]
    yield from _cut(["HSET", key], _words(some))
    yield from _cut(["HDEL", key], none)


def _scored(head: list[Word], scores: Scores) -> Commands:
    return _cut(head, list(chain.from_iterable(scores)))


def _cut(head: list[Word], words: Sequence[Word]) -> Commands:
    """One command, or several where Lua could not take so many words; none without words."""
    for at in range(0, len(words), WORDS_MAX):
        yield [*head, *words[at : at + WORDS_MAX]]


def _words(fields: Mapping[Any, Word]) -> list[Word]:
    return [word for pair in fields.items() for word in pair]
