"""The projection port in memory, for tests that need no Redis. It passes the port's contract."""

import asyncio
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import TypeVar

from services.projection.digest import digest_of_view
from services.projection.fold.view import Memory, Namespace, Needs, Place, Touched, View
from services.projection.ports import Outcome
from services.readside.corrections import FIELD, counted_by
from services.readside.fold_version import FOLD
from services.readside.terms import concepts_of, names_of

K = TypeVar("K")
V = TypeVar("V")


@dataclass
class Build:
    """What one partition holds in one version; `is_open`: queries may read it."""

    cursor: int = 0
    fold: int = FOLD
    is_open: bool = False
    view: View = field(default_factory=View)


class MemoryProjection:
    """`Projection` on dicts."""

    def __init__(self) -> None:
        self._builds: dict[tuple[int, int], Build] = {}
        self._live: dict[int, int] = {}
        self._holds: dict[int, int] = {}
        self._targets: dict[int, int] = {}

    async def live_version(self, partition: int) -> int:
        return self._live.setdefault(partition, max(self._live.values(), default=1))

    async def ensure_index(self, version: int) -> None:
        return  # what is looked for here needs none

    async def expect(self, partition: int, offset: int) -> None:
        self._targets[partition] = offset

    async def open(self, partition: int, version: int) -> None:
        self._build(partition, version).is_open = True

    async def cursor(self, partition: int, version: int) -> int:
        return self._build(partition, version).cursor

    async def fold(self, partition: int, version: int) -> int | None:
        build = self._build(partition, version)
        return build.fold if build.is_open or build.cursor else None

    async def load(self, partition: int, version: int, needs: Needs) -> tuple[int, View]:
        await asyncio.sleep(0)  # others get their turn, as they do while Redis answers
        build = self._build(partition, version)
        held = build.view
        view = View(
            namespaces={
                name: _known(held.namespaces.get(name, Namespace()), name, needs)
                for name in needs.namespaces
            },
            seen={each: held.seen[each] for each in needs.events if each in held.seen},
        )
        places = {
            (name, place[2])
            for name, namespace in view.namespaces.items()
            for session in namespace.sessions.values()
            for place in session
        }
        for ref in [*needs.memories, *places]:
            if ref in held.memories:
                view.memories[ref] = _as_loaded(held.memories[ref])
        for ref in needs.documents & view.memories.keys():
            view.memories[ref].document = dict(held.memories[ref].document or {})
        for ref in needs.counted & view.memories.keys():
            namespace, memory = view.namespaces[ref[0]], view.memories[ref]
            known = held.namespaces[ref[0]]
            terms, links = counted_by((memory.document or {}).get(FIELD))
            for term in terms.union(names_of(memory.parts.terms)):
                namespace.document_frequencies[term] = known.document_frequencies[term]
            for link in links.union(concepts_of(memory.parts.concepts)):
                namespace.links[link] = known.links[link]
        return build.cursor, view

    async def apply(
        self, partition: int, version: int, view: View, *, cursor: int, next_cursor: int
    ) -> Outcome:
        await asyncio.sleep(0)
        build = self._build(partition, version)
        live = self._live.get(partition, 0)
        hold = self._holds.get(partition)
        if version != live:
            return Outcome("version", live)
        if build.fold > FOLD:
            return Outcome("fold", build.fold)
        if hold is not None and next_cursor > hold:
            return Outcome("hold", hold)
        if build.cursor != cursor:
            return Outcome("cursor", build.cursor)
        for name, touched in view.touched.items():
            for memory_id in touched.memories:
                ref = (name, memory_id)
                before = build.view.memories.get(ref)
                build.view.memories[ref] = _merged(before, view.memories[ref])
            _write(build.view, view, name, touched)
        build.view.seen |= view.seen_now
        build.cursor, build.is_open = next_cursor, True
        return Outcome("applied", next_cursor)

    async def answers(self, partition: int) -> bool:
        build = self._build(partition, self._live.get(partition, 0))
        return build.is_open and build.cursor >= self._targets.get(partition, 0)

    async def digest(self, partition: int, version: int) -> str:
        return digest_of_view(self._build(partition, version).view)

    async def hold(self, partition: int, offset: int | None) -> None:
        self._holds.pop(partition, None)
        if offset is not None:
            self._holds[partition] = offset

    async def switch(self, partition: int, version: int) -> None:
        self._live[partition] = version

    async def made_by(self, partition: int, version: int, fold: int) -> None:
        self._build(partition, version).fold = fold

    async def lose_everything(self) -> None:
        self._builds.clear()
        self._live.clear()
        self._holds.clear()
        self._targets.clear()

    def _build(self, partition: int, version: int) -> Build:
        return self._builds.setdefault((partition, version), Build())


def _known(held: Namespace, name: str, needs: Needs) -> Namespace:
    """What the fold gets to see of a namespace: what it needs, and the places beside new ones."""
    sessions: dict[str, list[Place]] = {}
    for whose, session, time_ms in needs.places:
        if whose == name:
            places = held.sessions.get(session, [])
            beside = {*[p for p in places if p[0] <= time_ms][-1:]}
            beside |= {*[p for p in places if p[0] > time_ms][:1]}
            sessions[session] = sorted(beside | {*sessions.get(session, [])})
    return Namespace(
        statuses=held.statuses.copy(),
        length=held.length,
        document_frequencies={
            term: held.document_frequencies.get(term, 0) for term in needs.terms.get(name, ())
        },
        links={link: held.links.get(link, 0) for link in needs.links.get(name, ())},
        sessions=sessions,
        parameters=held.parameters,
        runs={
            run_id: deepcopy(held.runs[run_id])
            for whose, run_id in needs.runs
            if whose == name and run_id in held.runs
        },
        concepts={
            concept: held.concepts[concept]
            for whose, concept in needs.concepts
            if whose == name and concept in held.concepts
        },
        relations={
            (concept, field): weight
            for (concept, field), weight in held.relations.items()
            if (name, concept) in needs.related or (name, concept, field) in needs.relations
        },
        made={
            element: held.made[element]
            for whose, element in needs.made
            if whose == name and element in held.made
        },
    )


def _write(held: View, view: View, name: str, touched: Touched) -> None:
    """The absolute values that a batch leaves behind."""
    after, namespace = view.namespaces[name], held.namespace(name)
    namespace.statuses, namespace.length = after.statuses.copy(), after.length
    namespace.document_frequencies |= {t: after.document_frequencies[t] for t in touched.terms}
    namespace.links |= {link: after.links[link] for link in touched.links}
    _overwrite(namespace.concepts, after.concepts, touched.concepts)
    _overwrite(namespace.relations, after.relations, touched.relations)
    _overwrite(namespace.graph, after.graph, touched.graph)
    _overwrite(namespace.made, after.made, touched.made)
    if touched.concepts:
        namespace.vocabulary = after.vocabulary
    namespace.parameters = after.parameters
    namespace.runs |= {run_id: deepcopy(after.runs[run_id]) for run_id in touched.runs}
    for session, place in touched.places:
        places = {*namespace.sessions.get(session, []), place}
        namespace.sessions[session] = sorted(places)
    held.touch(name).parameters |= touched.parameters


def _overwrite(held: dict[K, V], after: dict[K, V], keys: set[K]) -> None:
    """Make what is at some keys what it is afterwards, also nothing."""
    for key in keys:
        held.pop(key, None)
        if key in after:
            held[key] = after[key]


def _as_loaded(memory: Memory) -> Memory:
    """What the fold gets to see: neither document nor contexts."""
    return replace(
        deepcopy(memory), document=None, document_status=memory.state.status, contexts={}
    )


def _merged(before: Memory | None, after: Memory) -> Memory:
    kept = {} if before is None else before.contexts
    contexts = {
        name: text
        for name, text in (kept | after.contexts).items()
        if name not in after.contexts_dropped
    }
    document = before.document if before is not None and after.document is None else after.document
    return replace(
        deepcopy(after),
        document=document,
        contexts=contexts,
        contexts_dropped=set(),
        unlinked=set(),
    )
