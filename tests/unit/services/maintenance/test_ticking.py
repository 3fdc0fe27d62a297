"""What the clock publishes: the latest slot of each job, once, for whom there is work."""

from dataclasses import dataclass, field, replace
from typing import cast
from uuid import UUID

from human_memory.bus.producer import DurableProducer, Outgoing
from schemas.codec import decode_maintenance
from schemas.ids import run_id
from schemas.maintenance import Job, RunJob
from schemas.parameters import Parameters
from services.maintenance.clock import Clock
from services.maintenance.ports import ReadSide, Upkeep
from services.readside.parameters import InForce
from services.readside.runs import Run

HALF_HOUR_MS, HOUR_MS, SIX_HOURS_MS = 1_800_000, 3_600_000, 21_600_000
NOW_MS = 1_750_075_200_000  # 2025-06-16T12:00:00Z, a slot of all three jobs
INTERVALS: dict[Job, int] = {
    "decay": HALF_HOUR_MS,
    "consolidation": SIX_HOURS_MS,
    "capacity": HOUR_MS,
}
BUSY = Upkeep(
    parameters=InForce(capacity=3),
    counts={"active": 5, "decayed": 0, "deleted": 0},
    indexed=True,
    last_accessed_ms=NOW_MS - 1,
)


@dataclass
class Side:
    """What the clock reads: namespaces, and the runs that are known."""

    namespaces_: dict[str, Upkeep]
    due_ms: int = 0
    runs: dict[UUID, Run] = field(default_factory=dict)

    async def namespaces(self, partition: int) -> list[str]:
        return sorted(self.namespaces_) if partition == 0 else []

    async def upkeep(self, namespace: str) -> Upkeep:
        return self.namespaces_[namespace]

    async def due(self, namespace: str, until_ms: int, *, limit: int = 500) -> list[str]:
        return ["m1"] if self.due_ms <= until_ms else []

    async def run(self, namespace: str, run_id: UUID) -> Run | None:
        return self.runs.get(run_id)


@dataclass
class Ticking:
    """A clock, the time it sees, and what it has published."""

    side: Side
    now_ms: int = NOW_MS
    published: list[RunJob] = field(default_factory=list)

    async def send_all(self, outgoing: list[Outgoing]) -> None:
        for each in outgoing:
            command = decode_maintenance(cast("bytes", each.value))
            assert isinstance(command, RunJob)
            self.published.append(command)

    def clock(self) -> Clock:
        return Clock(
            side=cast("ReadSide", self.side),
            producer=cast("DurableProducer", self),
            topic="memory.maintenance",
            intervals_ms=INTERVALS,
            now_ms=lambda: self.now_ms,
        )

    def slots(self) -> list[tuple[str, int | None]]:
        return sorted((each.job, each.slot) for each in self.published)


async def test_slot_is_published_once_however_often_the_clock_looks() -> None:
    own = Ticking(Side({"busy": BUSY}))
    clock = own.clock()

    for own.now_ms in (NOW_MS, NOW_MS + 5_000, NOW_MS + HALF_HOUR_MS - 1):
        await clock.tick(0)

    assert own.slots() == [("capacity", NOW_MS), ("consolidation", NOW_MS), ("decay", NOW_MS)]


async def test_after_a_downtime_one_run_of_each_job_catches_up() -> None:
    own = Ticking(Side({"busy": BUSY}))
    await own.clock().tick(0)
    own.published.clear()

    own.now_ms = NOW_MS + 3 * SIX_HOURS_MS + 100  # eighteen hours later, another process
    own.side.namespaces_["busy"] = replace(BUSY, last_accessed_ms=own.now_ms)
    await own.clock().tick(0)

    latest = NOW_MS + 3 * SIX_HOURS_MS
    assert own.slots() == [("capacity", latest), ("consolidation", latest), ("decay", latest)]


async def test_two_clocks_publish_the_same_runs_and_none_that_is_done() -> None:
    own = Ticking(Side({"busy": BUSY}))

    await own.clock().tick(0)
    await own.clock().tick(0)

    ids = {run_id(each.job, each.namespace, each.slot or 0) for each in own.published}
    assert (len(own.published), len(ids)) == (6, 3)
    own.side.runs = {each: Run(completed_ms=NOW_MS) for each in ids}
    own.published.clear()
    await own.clock().tick(0)
    assert own.published == []


async def test_namespace_without_work_or_switched_off_is_left_alone() -> None:
    off = Parameters(decay_scheduled=0, consolidation_scheduled=0)
    quiet = replace(
        BUSY,
        parameters=InForce().with_downscaling(NOW_MS - 1, -0.1, "0" * 32),
        last_accessed_ms=NOW_MS - HOUR_MS,
    )
    side = Side(
        {"off": replace(BUSY, parameters=InForce(**off.model_dump())), "quiet": quiet},
        due_ms=NOW_MS + 1,
    )
    own = Ticking(side)

    await own.clock().tick(0)

    assert own.published == []
