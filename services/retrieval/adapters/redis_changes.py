"""What the fold changed, as commands for Redis: absolute values only, so a repeat is harmless."""

from collections.abc import Iterator, Mapping
from typing import Any

from services.common.due import due_ms
from services.common.read_model import (
    RECENT_MAX,
    SEEN_EVENTS_MAX,
    STATUSES,
    Layout,
    hash64,
    pack_record,
)
from services.common.redis import Word
from services.common.runs import pack_run, pack_run_ids
from services.retrieval.graph import pack_concept, pack_parameters
from services.retrieval.sequences import pack_place
from services.retrieval.terms import concepts_of
from services.retrieval.view import Memory, Namespace, Ref, Touched, View

Commands = Iterator[list[Word]]


def changes(view: View, layout: Layout, next_cursor: int) -> Commands:
    """The commands that write what changed in `view`."""
    for name, touched in view.touched.items():
        for memory_id in touched.memories:
            yield from _memory(view.memories[name, memory_id], (name, memory_id), layout)
        yield from _namespace(view.namespaces[name], name, touched, layout)
        yield from _due(view, name, touched, layout)
    if view.seen_now:
        for event_id, offset in view.seen_now.items():
            yield ["ZADD", layout.seen, offset, event_id]
        yield ["ZREMRANGEBYSCORE", layout.seen, "-inf", f"({next_cursor - SEEN_EVENTS_MAX}"]


def _memory(memory: Memory, ref: Ref, layout: Layout) -> Commands:
    namespace, memory_id = ref
    state = memory.state
    name = str(memory_id)
    document = layout.document(state.status, namespace, memory_id)
    if memory.document is not None:
        yield ["HSET", document, *_words(memory.document)]
    elif memory.document_status is not None and memory.document_status != state.status:
        yield ["RENAME", layout.document(memory.document_status, *ref), document]
    yield ["SET", layout.record(*ref), pack_record(state, memory.parts)]
    if memory.contexts:
        yield ["HSET", layout.contexts(*ref), *_words(memory.contexts)]
    if memory.contexts_dropped:
        yield ["HDEL", layout.contexts(*ref), *memory.contexts_dropped]
    yield ["ZADD", layout.changed(namespace), memory.changed_at, name]
    yield ["ZADD", layout.recent(namespace), "GT", state.last_accessed_ms, name]
    if state.use > 1:
        yield ["ZADD", layout.frequent(namespace), "GT", state.use, name]
    if memory.document is not None or memory.document_status != state.status:
        for concept in concepts_of(memory.parts.concepts):
            if state.status == "deleted":
                yield ["ZREM", layout.linked(namespace, concept), name]
            else:
                yield ["ZADD", layout.linked(namespace, concept), state.offset, name]


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
        yield ["HSET", layout.made(name), *_words(made)]
    if others := touched.made - made.keys():
        yield ["HDEL", layout.made(name), *others]


def _due(view: View, name: str, touched: Touched, layout: Layout) -> Commands:
    """Only ever earlier: what may be later, maintenance finds when it looks."""
    gone = []
    parameters = view.namespaces[name].parameters
    for memory_id in touched.memories:
        memory = view.memories[name, memory_id]
        if memory.state.status != "active":
            if memory.document is not None or memory.document_status != memory.state.status:
                gone.append(str(memory_id))
        elif memory_id in touched.due and not memory.state.pinned:
            score = due_ms(memory.state, memory.parts.traces, parameters)
            yield ["ZADD", layout.due(name), "LT", score, str(memory_id)]
    if gone:
        yield ["ZREM", layout.due(name), *gone]


def _counts(key: str, counts: dict[bytes, int], touched: set[bytes]) -> Commands:
    some = {field: counts[field] for field in touched if counts[field]}
    none = [field for field in touched if not counts[field]]
    if some:
        yield ["HSET", key, *_words(some)]
    if none:
        yield ["HDEL", key, *none]


def _words(fields: Mapping[Any, Word]) -> list[Word]:
    return [word for pair in fields.items() for word in pair]
