"""The contract of maintenance's log, wherever it is kept."""

from typing import Protocol
from uuid import UUID

from schemas.events import MemoryEvent
from schemas.ids import derive
from services.maintenance.events import (
    RunContext,
    adjusted_event,
    completed_event,
    decayed_events,
    progressed_event,
    rehearsed_event,
    revived_event,
)
from services.maintenance.ports import Log, ReadSide
from services.readside.runs import BEGIN, RUN_METADATA
from tests.builders import TIME_MS, concept, relation, store


class LogSide(Protocol):
    """A log, and what is folded of it; `namespace` is nobody else's."""

    log: Log
    reads: ReadSide
    namespace: str


def run_in(namespace: str, name: str = "run") -> RunContext:
    return RunContext(
        run_id=derive(name, namespace),
        namespace=namespace,
        job="consolidation",
        now_ms=TIME_MS,
        commanded_ms=TIME_MS,
    )


def place(position: str | None) -> tuple[int, int]:
    """Partition and offset."""
    assert position is not None
    partition, offset = map(int, position.split(":"))
    return partition, offset


async def stored(side: LogSide, content: str = "Tea is at four.", **metadata: str) -> UUID:
    """A memory that reads show."""
    command = store(content, namespace=side.namespace, metadata=metadata)
    result, position = await side.log.ask(command)
    assert position is not None
    await side.log.folded(position)
    return UUID(result["memory_id"])


class LogContract:
    """The contract of `Log`. Subclasses give only the `side` fixture."""

    async def test_events_lie_in_one_partition_in_the_order_in_which_they_were_appended(
        self, side: LogSide
    ) -> None:
        run = run_in(side.namespace)
        events: list[MemoryEvent] = [progressed_event(run, BEGIN, step=n) for n in range(5)]

        positions = [*await side.log.append(events[:3]), *await side.log.append(events[3:])]

        places = [place(each) for each in positions]
        assert len({partition for partition, _ in places}) == 1
        assert [offset for _, offset in places] == sorted({offset for _, offset in places})
        assert len(places) == 5

    async def test_nothing_appended_has_no_positions(self, side: LogSide) -> None:
        assert await side.log.append([]) == []

    async def test_reads_show_what_is_folded(self, side: LogSide) -> None:
        run = run_in(side.namespace)
        (position,) = await side.log.append([progressed_event(run, BEGIN)])

        await side.log.folded(position)

        known = await side.reads.run(side.namespace, run.run_id)
        assert known is not None
        assert known.offset == place(position)[1]

    async def test_command_through_the_inbox_gets_its_result_and_position(
        self, side: LogSide
    ) -> None:
        command = store("Tea is at four.", namespace=side.namespace, idempotency_key="tea")

        result, position = await side.log.ask(command)
        again, _ = await side.log.ask(command)

        assert position is not None
        await side.log.folded(position)
        page = await side.reads.page(side.namespace, [result["memory_id"]])
        assert page.changed_at == [place(position)[1]]
        assert again["memory_id"] == result["memory_id"]

    async def test_effects_are_those_of_the_run_until_it_was_over_in_their_order(
        self, side: LogSide
    ) -> None:
        run, other = run_in(side.namespace), run_in(side.namespace, "another")
        told, own = side.namespace, {"run_id": run.run_id, "namespace": side.namespace}
        memory = str(await stored(side, "Before it."))
        page = await side.reads.page(told, [memory])
        (archived,) = decayed_events(run, page.memories, [0])
        before: list[MemoryEvent] = [
            adjusted_event(other, memory, -0.5, cause="rif"),
            progressed_event(run, BEGIN),
            rehearsed_event(run, memory),
            rehearsed_event(other, memory),
            archived,
            revived_event(run, memory),
            revived_event(other, memory),
        ]
        await side.log.append(before)
        made = await stored(side, "Of it.", **{RUN_METADATA: str(run.run_id)})
        for command in (concept("Tea", **own), concept("Cup", **own)):
            await side.log.ask(command)
        await side.log.ask(relation("Tea", "Cup", **own))
        end = completed_event(run, {}, nats=None, cancelled=False, seconds=0.0)
        late = adjusted_event(run, memory, -0.5, cause="rif")
        positions = await side.log.append([end, late])
        await side.log.folded(positions[-1])
        known = await side.reads.run(told, run.run_id)
        assert known is not None

        effects = await side.log.effects_of(told, run.run_id, known)

        subjects = [(each.type, each.subject) for each in effects]
        assert subjects == [
            ("memory.accessed.v1", str(run.run_id)),
            ("memory.decayed.v1", memory),
            ("memory.restored.v1", memory),
            ("memory.stored.v1", str(made)),
            ("concept.upserted.v1", "Tea"),
            ("concept.upserted.v1", "Cup"),
            ("relation.upserted.v1", "Tea"),
        ]

    async def test_run_without_effects_has_none(self, side: LogSide) -> None:
        run = run_in(side.namespace)
        end = completed_event(run, {}, nats=None, cancelled=False, seconds=0.0)
        await stored(side)
        positions = await side.log.append([progressed_event(run, BEGIN), end])
        await side.log.folded(positions[-1])
        known = await side.reads.run(side.namespace, run.run_id)
        assert known is not None

        assert await side.log.effects_of(side.namespace, run.run_id, known) == []
