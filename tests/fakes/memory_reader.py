"""The reads of whole memories and namespaces in memory. It passes the port's contract."""

from collections.abc import Sequence
from uuid import UUID

from services.readside.collections import RUNS
from services.readside.columns import Memories
from services.readside.documents import WHOLE_DOCUMENT, Attributes, Document, DocumentKey
from services.readside.layout import Status, unpack_record
from services.readside.parameters import InForce
from services.readside.runs import Run, pack_run, unpack_run
from services.retrieval.ports import Entry, Position
from tests.fakes.folded_side import FoldedSide, counts_of


class FoldedMemoryReader:
    """`MemoryReader` on a fold."""

    def __init__(self, side: FoldedSide) -> None:
        self._side = side

    async def whole(
        self, namespace: str, *, sample: int | None = None
    ) -> tuple[Position, InForce, Memories]:
        return await self._side.read(
            lambda: self._columns(namespace, sorted(self._side.memories(namespace))[:sample])
        )

    async def recent(self, namespace: str, count: int) -> tuple[Position, InForce, Memories]:
        def latest() -> list[str]:
            memories = self._side.memories(namespace).items()
            ordered = sorted((m.state.last_accessed_ms, name) for name, m in memories)
            return [name for _, name in ordered[::-1]][:count]

        return await self._side.read(lambda: self._columns(namespace, latest()))

    async def entry(self, namespace: str, memory_id: UUID) -> tuple[Position, Entry | None]:
        return await self._side.read(
            lambda: (self._side.position, self._entry(namespace, str(memory_id)))
        )

    async def derivatives(
        self, namespace: str, memory_id: UUID, *, until_ms: int | None
    ) -> list[str]:
        def made_of_it() -> list[str]:
            memories = self._side.memories(namespace)
            keys = [(name, memory.state.status) for name, memory in memories.items()]
            documents = self._side.documents(namespace, keys)
            return sorted(
                name
                for (name, status), document in zip(keys, documents, strict=True)
                if document is not None
                and status != "deleted"
                and (until_ms is None or document.created_ms <= until_ms)
                and any(each["memory_id"] == str(memory_id) for each in document.derived_from)
            )

        return await self._side.read(made_of_it)

    async def documents(self, namespace: str, keys: Sequence[DocumentKey]) -> list[Document | None]:
        return await self._side.read(lambda: self._side.documents(namespace, keys))

    async def attributes(
        self, namespace: str, keys: Sequence[DocumentKey]
    ) -> list[Attributes | None]:
        return await self._side.read(lambda: self._side.attributes(namespace, keys))

    async def counts(self, namespace: str, now_ms: int) -> tuple[Position, dict[Status, int]]:
        def counted() -> tuple[Position, dict[Status, int]]:
            return self._side.position, counts_of(self._side.view, namespace, now_ms)

        return await self._side.read(counted)

    async def runs(self, namespace: str, newest: int) -> tuple[Position, list[tuple[UUID, Run]]]:
        def latest() -> tuple[Position, list[tuple[UUID, Run]]]:
            runs = self._side.view.namespace(namespace)[RUNS]
            ordered = sorted(runs, key=lambda each: -runs[each].offset)[:newest]
            return self._side.position, [(each, _copy(runs[each])) for each in ordered]

        return await self._side.read(latest)

    async def run(self, namespace: str, run_id: UUID) -> tuple[Position, Run | None]:
        def known() -> tuple[Position, Run | None]:
            run = self._side.view.namespace(namespace)[RUNS].get(run_id)
            return self._side.position, None if run is None else _copy(run)

        return await self._side.read(known)

    def _columns(self, namespace: str, names: list[str]) -> tuple[Position, InForce, Memories]:
        records = [self._side.record(namespace, name) for name in names]
        memories = Memories.of(names, [record for record in records if record is not None])
        return self._side.position, self._parameters(namespace), memories

    def _entry(self, namespace: str, name: str) -> Entry | None:
        record = self._side.record(namespace, name)
        if record is None:
            return None
        state, _ = unpack_record(record)
        (document,) = self._side.documents(namespace, [(name, state.status)], WHOLE_DOCUMENT)
        assert document is not None
        return Entry(
            state=state,
            memories=Memories.of([name], [record]),
            document=document,
            contexts=dict(self._side.memories(namespace)[name].contexts),
            parameters=self._parameters(namespace),
        )

    def _parameters(self, namespace: str) -> InForce:
        parameters = self._side.view.namespace(namespace).parameters
        assert isinstance(parameters, InForce)
        return parameters


def _copy(run: Run) -> Run:
    """A run as it is now: the fold goes on with its own."""
    return unpack_run(pack_run(run))
