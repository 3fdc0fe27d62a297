"""The projection port in memory, for tests that need no Redis. It passes the port's contract."""

import asyncio
from copy import deepcopy
from dataclasses import dataclass, field, replace

from services.projection.digest import digest_of_view
from services.projection.fold.view import Memory, Namespace, Needs, Ref, Touched, View
from services.projection.further import further
from services.projection.ports import Outcome
from services.readside.collections import COLLECTIONS, SESSIONS, unpack_place
from services.readside.fold_version import FOLD
from services.readside.layout import hash64
from services.readside.terms import concepts_of


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
            namespaces={name: Namespace() for name in needs.namespaces},
            seen={each: held.seen[each] for each in needs.events if each in held.seen},
        )
        _find_places(held, view, needs)
        asked = more = needs
        while True:
            for ref in [*more.memories, *_linked(held, more)]:
                if ref in held.memories and ref not in view.memories:
                    view.memories[ref] = _as_loaded(held.memories[ref])
            for ref in [*more.documents, *_linked(held, more)]:
                if ref in view.memories:
                    view.memories[ref].document = dict(held.memories[ref].document or {})
                    asked.documents.add(ref)
            _look_up(held, view, more)
            asked.include(more)
            more = further(view, asked)
            if not more:
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
        for name, offset in view.cleared.items():
            build.view.clear(name, offset)
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


def _look_up(held: View, view: View, needs: Needs) -> None:
    """The entries that the fold needs."""
    for (collection, name), keys in needs.wanted(COLLECTIONS).items():
        entries = held.namespace(name)[collection]
        for key in keys & entries.keys():
            view.namespace(name)[collection][key] = deepcopy(entries[key])
    for (collection, name), parts in needs.parts.items():
        for key, value in held.namespace(name)[collection].items():
            if key[0] in parts:
                view.namespace(name)[collection][key] = deepcopy(value)


def _linked(held: View, needs: Needs) -> list[Ref]:
    """The memories linked to concepts that are needed whole."""
    return [
        ref
        for ref, memory in held.memories.items()
        for name, concept in needs.linked
        if ref[0] == name
        and memory.state.status != "deleted"
        and hash64(concept) in concepts_of(memory.parts.concepts)
    ]


def _find_places(held: View, view: View, needs: Needs) -> None:
    """The places in sessions on both sides of new ones."""
    for name, session, time_ms in needs.places:
        places = sorted(
            unpack_place(at_ms, packed)
            for (of, packed), at_ms in held.namespace(name)[SESSIONS].items()
            if of == session
        )
        beside = {*[p for p in places if p[0] <= time_ms][-1:]}
        beside |= {*[p for p in places if p[0] > time_ms][:1]}
        sessions = view.namespace(name).sessions
        sessions[session] = sorted(beside | {*sessions.get(session, [])})


def _write(held: View, view: View, name: str, touched: Touched) -> None:
    """Make what is at touched keys what it is after a batch, also nothing."""
    held.touch(name)
    for collection, keys in touched.keys.items():
        entries, after = held.namespace(name)[collection], view.namespace(name)[collection]
        for key in keys:
            entries.pop(key, None)
            if key in after:
                entries[key] = deepcopy(after[key])


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
