"""Reads from Redis what the fold of a batch needs."""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any
from uuid import UUID

from services.common.redis import RedisClient, Word, execute
from services.projection.fold.sessions import unpack_place
from services.projection.fold.view import ByNamespace, Memory, Needs, Ref, View
from services.readside.concepts import unpack_concept
from services.readside.corrections import FIELD, counted_by
from services.readside.layout import STATUSES, Layout, hash64, unpack_record
from services.readside.parameters import unpack_parameters
from services.readside.runs import unpack_run, unpack_run_ids
from services.readside.terms import concepts_of, names_of

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
        if not self._commands:
            return
        *_, replies = await execute(self._redis, [["MULTI"], *self._commands, ["EXEC"]])
        for reply in [replies] if isinstance(replies, Exception) else replies:
            if isinstance(reply, Exception):
                raise reply
        for use, reply in zip(self._uses, replies, strict=True):
            use(reply)


async def load_view(redis: RedisClient, layout: Layout, needs: Needs) -> tuple[int, View]:
    """The view that `needs` describes, and the cursor it is good for.

    It takes two round trips where memories get neighbours. What a write between them changes is
    never applied: the write moved the cursor, which `apply` compares.
    """
    view = View()
    cursors: list[int] = []
    reads = _Reads(redis)
    reads.add(lambda reply: cursors.append(int(reply or 0)), "GET", layout.cursor)
    if needs.events:
        reads.add(
            lambda reply: _seen(view, needs.events, reply), "ZMSCORE", layout.seen, *needs.events
        )
    _queue_memories(reads, view, layout, needs.memories)
    for name in needs.namespaces:
        _queue_namespace(reads, view, layout, name)
    _queue_counts(reads, view, layout, terms=needs.terms, links=needs.links)
    _queue_graph(reads, view, layout, needs)
    for name, run_id in needs.runs:

        def run(reply: bytes | None, name: str = name, run_id: UUID = run_id) -> None:
            if reply is not None:
                view.namespace(name).runs[run_id] = unpack_run(reply)

        reads.add(run, "HGET", layout.runs(name), run_id.hex)
    for name, session, time_ms in sorted(needs.places):
        key = layout.session(name, session)

        def use(reply: list[Any], name: str = name, session: str = session) -> None:
            _places(view, name, session, reply)

        reads.add(use, "ZREVRANGEBYSCORE", key, time_ms, "-inf", "WITHSCORES", "LIMIT", 0, 1)
        reads.add(use, "ZRANGEBYSCORE", key, f"({time_ms}", "+inf", "WITHSCORES", "LIMIT", 0, 1)
    documents: dict[Ref, dict[str, bytes]] = {}
    _queue_documents(reads, documents, layout, needs.documents)
    await reads.run()
    for ref in documents.keys() & view.memories.keys():
        view.memories[ref].document = documents[ref]
    await _load_rest(redis, view, layout, needs)
    return cursors[0], view


async def _load_rest(redis: RedisClient, view: View, layout: Layout, needs: Needs) -> None:
    """Load what the first replies have named: neighbours, and how much forgotten memories count."""
    reads = _Reads(redis)
    neighbours = {
        (name, place[2])
        for name, namespace in view.namespaces.items()
        for places in namespace.sessions.values()
        for place in places
    }
    _queue_memories(reads, view, layout, [ref for ref in neighbours if ref not in view.memories])
    counted = [(ref[0], view.memories[ref]) for ref in needs.counted if ref in view.memories]
    terms, links = ByNamespace(set), ByNamespace(set)
    for name, memory in counted:
        terms[name].update(names_of(memory.parts.terms))
        links[name].update(concepts_of(memory.parts.concepts))
        for known, more in zip(
            (terms[name], links[name]), counted_by((memory.document or {}).get(FIELD)), strict=True
        ):
            known |= more
    _queue_counts(reads, view, layout, terms=terms, links=links)
    await reads.run()


def _queue_memories(reads: _Reads, view: View, layout: Layout, refs: Iterable[Ref]) -> None:
    wanted = list(refs)

    def use(records: list[bytes | None]) -> None:
        for ref, record in zip(wanted, records, strict=True):
            if record is not None:
                state, parts = unpack_record(record)
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


def _queue_namespace(reads: _Reads, view: View, layout: Layout, name: str) -> None:
    namespace = view.namespace(name)

    def counts(reply: list[bytes | None]) -> None:
        *statuses, length = (int(number or 0) for number in reply)
        namespace.statuses = Counter(dict(zip(STATUSES, statuses, strict=True)))
        namespace.length = length

    def parameters(reply: bytes | None) -> None:
        namespace.parameters = unpack_parameters(reply)

    reads.add(counts, "HMGET", layout.counts(name), *STATUSES, "length")
    reads.add(parameters, "GET", layout.parameters(name))


def _queue_counts(
    reads: _Reads,
    view: View,
    layout: Layout,
    *,
    terms: ByNamespace,
    links: ByNamespace,
) -> None:
    for name in terms.keys() | links.keys():
        namespace = view.namespace(name)
        for key, counts, wanted in (
            (layout.document_frequencies(name), namespace.document_frequencies, terms),
            (layout.links(name), namespace.links, links),
        ):
            fields = list(wanted.get(name, ()))

            def use(
                reply: list[bytes | None],
                counts: dict[bytes, int] = counts,
                fields: list[bytes] = fields,
            ) -> None:
                counts.update(zip(fields, (int(number or 0) for number in reply), strict=True))

            if fields:
                reads.add(use, "HMGET", key, *fields)


def _queue_graph(reads: _Reads, view: View, layout: Layout, needs: Needs) -> None:
    for name, concept in needs.concepts:

        def found(reply: bytes | None, name: str = name, concept: str = concept) -> None:
            _concept(view, name, concept, reply)

        reads.add(found, "HGET", layout.concepts(name), concept)
    for name, concept, wanted in needs.relations:

        def weight(
            reply: bytes | None, name: str = name, end: tuple[str, bytes] = (concept, wanted)
        ) -> None:
            if reply is not None:
                view.namespace(name).relations[end] = float(reply)

        reads.add(weight, "HGET", layout.relations(name, hash64(concept)), wanted)
    for name, concept in needs.related:

        def weights(reply: list[bytes], name: str = name, concept: str = concept) -> None:
            known = view.namespace(name).relations
            for field, packed in zip(reply[::2], reply[1::2], strict=True):
                known[concept, field] = float(packed)

        reads.add(weights, "HGETALL", layout.relations(name, hash64(concept)))
    for name, element in needs.made:

        def made(reply: bytes | None, name: str = name, element: bytes = element) -> None:
            if reply is not None:
                view.namespace(name).made[element] = unpack_run_ids(reply)

        reads.add(made, "HGET", layout.made(name), element)


def _seen(view: View, events: list[bytes], scores: list[bytes | None]) -> None:
    for event_id, score in zip(events, scores, strict=True):
        if score is not None:
            view.seen[event_id] = int(float(score))


def _concept(view: View, name: str, concept: str, packed: bytes | None) -> None:
    if packed is not None:
        view.namespace(name).concepts[concept] = unpack_concept(packed)


def _places(view: View, name: str, session: str, reply: list[Any]) -> None:
    known = view.namespace(name).sessions.setdefault(session, [])
    for packed, score in zip(reply[::2], reply[1::2], strict=True):
        place = unpack_place(float(score), packed)
        if place not in known:
            known.append(place)
    known.sort()
