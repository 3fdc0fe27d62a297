"""kill -9 in each phase of a consolidation, and two consumers at once: each run once, and whole."""

import asyncio
import os
import signal
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import orjson
import pytest

from schemas.codec import decode_maintenance
from schemas.errors import NotFound
from schemas.events import (
    MaintenanceCompleted,
    MaintenanceProgressed,
    MemoryAccessed,
    MemoryDecayed,
    MemoryEvent,
    MemoryStored,
)
from schemas.fields import Emotion
from schemas.jobs import PHASES
from schemas.maintenance import CancelRun, RunJob
from schemas.topics import EVENTS, MAINTENANCE
from services.projection.batch import decode
from services.projection.fold.fold import fold
from services.projection.fold.view import View
from services.readside.collections import CONCEPTS, RELATIONS, RUNS
from services.readside.layout import TRACE, kind_of
from tests import builders
from tests.engines import Engines
from tests.integration.agent import Agent
from tests.integration.services_fixture import (
    System,
    assert_redis_is_the_fold_of_the_log,
    folded,
    read_all,
    system_on,
)
from tests.polling import eventually

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(900)]
# A horizon so short that what was stored a moment ago, and is not rehearsed, has faded.
SHORT_SECONDS = 0.05
# All of it is rehearsed, whatever is drawn: only then do two namespaces show the same.
MOVING = Emotion(valence=0.5, arousal=0.9, salience=0.9)
EPISODES = [
    *((f"Ann drinks green tea {when}.", f"tea {when}") for when in ("daily", "again", "late")),
    *(
        (step, f"lab {box}")
        for box in ("red", "blue", "green")
        for step in (f"Open the {box} box.", "Press the start button.", "Write the result down.")
    ),
]
TOLD = [f"The key of door {number} hangs in the hall." for number in range(6)]
DIES_SECONDS = 90.0
ENDS_SECONDS = 120.0


@dataclass(frozen=True)
class Left:
    """What a consolidation left in a namespace, by what is said there: ids are the namespace's."""

    memories: dict[str, list[Any]]
    graph: list[Any]
    status: str | None
    report: dict[str, Any]
    effects: dict[str, int]


@pytest.fixture(scope="module")
async def system(stack: Engines, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[System]:
    """An installation whose maintenance each test starts and kills."""
    folder = tmp_path_factory.mktemp("maintenance-kill")
    async with system_on(stack.kafka, stack.redis, folder, partitions=1) as own:
        own.environment = {"HUMAN_MEMORY_EMBEDDING_THREADS": "1"}
        await own.start("ingest", "projection", "retrieval").ready()
        yield own


@pytest.fixture(scope="module")
async def whole(system: System) -> Left:
    """What one run leaves that nobody disturbs."""
    maintenance = system.start("maintenance")
    await maintenance.ready()
    await _lived(system, "kill/nothing")
    await _consolidate(system, "kill/nothing")
    await eventually(lambda: _completed(system, "kill/nothing"), seconds=ENDS_SECONDS)
    await maintenance.stop()
    return await _left(system, "kill/nothing")


async def _lived(system: System, namespace: str) -> None:
    """Episodes of which facts and skills can be made, and what will have faded."""
    async with system.bus() as bus:
        agent = Agent(bus, namespace)
        never = {"decay_scheduled": 0, "consolidation_scheduled": 0}
        command = builders.parameters(horizon_seconds=SHORT_SECONDS, **never)
        await agent.tell(command.model_copy(update={"namespace": namespace}))
        for text, session in EPISODES:
            await agent.store(text, session=session, emotion=MOVING)
        told = [await agent.store(text, memory_type="semantic", emotion=Emotion()) for text in TOLD]
        await agent.faded(*told, horizon_seconds=SHORT_SECONDS)


async def _consolidate(system: System, namespace: str) -> None:
    async with system.bus() as bus:
        await bus.publish(RunJob(namespace=namespace, job="consolidation"))


async def _events(system: System, namespace: str) -> list[MemoryEvent]:
    events = [decode(record).event for record in await read_all(system, EVENTS)]
    return [event for event in events if event is not None and event.namespace == namespace]


async def _completed(system: System, namespace: str) -> bool:
    events = await _events(system, namespace)
    return any(isinstance(event, MaintenanceCompleted) for event in events)


async def _left(system: System, namespace: str) -> Left:
    view = View()
    for record in await read_all(system, EVENTS):
        event = decode(record).event
        if event is not None and event.namespace == namespace:
            fold(view, event, record.offset)
    said = {
        str(ref[1]): (memory.document or {})["content"].decode()
        for ref, memory in view.memories.items()
    }
    memories: defaultdict[str, list[Any]] = defaultdict(list)
    for ref, memory in view.memories.items():
        document = memory.document or {}
        more = orjson.loads(document["more"])
        traces = np.frombuffer(memory.parts.traces, TRACE)
        memories[said[str(ref[1])]].append(
            (
                document["type"].decode(),
                memory.state.status,
                memory.state.bias,
                sorted(Counter(kind_of(int(trace["id"])) for trace in traces).items()),
                sorted(said[source["memory_id"]] for source in more.get("derived_from", [])),
                more.get("metadata", {}).get("support"),
            )
        )
    known = view.namespace(namespace)
    (run,) = known[RUNS].values()
    return Left(
        memories={content: sorted(each, key=repr) for content, each in memories.items()},
        graph=[sorted(known[CONCEPTS].items()), sorted(known[RELATIONS].items())],
        status=None if run.completed_ms is None else "completed",
        report={
            name: value for name, value in run.report.items() if name not in ("facts", "skills")
        },
        effects=dict(run.effects),
    )


@pytest.mark.parametrize("phase", PHASES)
async def test_consolidation_killed_in_a_phase_and_restarted_leaves_what_one_run_leaves(
    system: System, whole: Left, phase: str
) -> None:
    namespace = f"kill/{phase}"
    dying = system.start("maintenance", module="tests.faults.dying_maintenance", DIE_IN_PHASE=phase)
    await dying.ready()
    await _lived(system, namespace)

    await _consolidate(system, namespace)
    await eventually(lambda: not dying.alive(), seconds=DIES_SECONDS)
    before = await _events(system, namespace)
    successor = system.start("maintenance")
    await eventually(lambda: _completed(system, namespace), seconds=ENDS_SECONDS)
    await successor.stop()

    begun = [event.data.phase for event in before if isinstance(event, MaintenanceProgressed)]
    # `extract` says how far it is, too.
    assert list(dict.fromkeys(begun)) == ["begin", *PHASES[: PHASES.index(phase) + 1]]
    assert _is_half_done(before, phase, whole)
    assert whole.effects["memory.accessed.v1"] == len(EPISODES)
    assert whole.effects["memory.decayed.v1"] == len(TOLD)
    assert whole.report["facts_extracted"] >= 1
    assert whole.report["phase_4_compiled"] >= 1
    assert whole.graph[0] != []
    assert await _left(system, namespace) == whole
    await folded(system)
    await assert_redis_is_the_fold_of_the_log(system)


def _is_half_done(events: list[MemoryEvent], phase: str, whole: Left) -> bool:
    """Whether some of what the phase does is in the log, and some is not."""
    match phase:
        case "replay":
            done = sum(isinstance(event, MemoryAccessed) for event in events)
            return 0 < done < whole.effects["memory.accessed.v1"]
        case "prune":
            done = sum(isinstance(event, MemoryDecayed) for event in events)
            return 0 < done < whole.effects["memory.decayed.v1"]
        case _:
            kind, tag = ("semantic", "consolidated"), ("procedural", "compiled")
            wanted = kind if phase == "extract" else tag
            made = [
                event
                for event in events
                if isinstance(event, MemoryStored)
                and (event.data.memory_type, event.data.tags) == (wanted[0], [wanted[1]])
            ]
            # One fact of several, without its concepts; one skill, whose run has not ended.
            return len(made) == 1


async def test_run_that_is_cancelled_while_it_waits_for_the_read_side_stops_and_says_so(
    system: System,
) -> None:
    namespace = "kill/nobody"
    maintenance, others = system.start("maintenance"), system.processes[0]
    await maintenance.ready()
    await _lived(system, namespace)
    async with system.bus() as bus:
        os.kill(others.process.pid, signal.SIGSTOP)  # from here on nothing is folded
        try:
            asked = asyncio.create_task(bus.ask(RunJob(namespace=namespace, job="decay")))
            await eventually(lambda: _has_begun(system, namespace), seconds=ENDS_SECONDS)
            (begun,) = await _begun(system, namespace)
            cancel = CancelRun(namespace=namespace, run_id=UUID(begun.subject))
            cancelled = asyncio.create_task(bus.ask(cancel))
            await eventually(lambda: _commanded(system, cancel), seconds=ENDS_SECONDS)
            # What comes after it in the partition is answered after it has been taken up.
            with pytest.raises(NotFound):
                await bus.ask(cancel.model_copy(update={"run_id": uuid4()}))
        finally:
            os.kill(others.process.pid, signal.SIGCONT)
        replies = await asyncio.gather(asked, cancelled)
        await maintenance.stop()

    assert [reply["cancelled"] for reply in replies] == [True, True]
    events = await _events(system, namespace)
    assert not any(isinstance(event, MemoryDecayed) for event in events)
    assert [e.data.cancelled for e in events if isinstance(e, MaintenanceCompleted)] == [True]


async def _commanded(system: System, cancel: CancelRun) -> bool:
    records = await read_all(system, MAINTENANCE)
    return any(decode_maintenance(record.value) == cancel for record in records)


async def _begun(system: System, namespace: str) -> list[MaintenanceProgressed]:
    events = await _events(system, namespace)
    return [event for event in events if isinstance(event, MaintenanceProgressed)]


async def _has_begun(system: System, namespace: str) -> bool:
    return await _begun(system, namespace) != []


async def _runs(system: System, namespace: str) -> Counter[str]:
    """The number of its runs that are over, by job."""
    events = await _events(system, namespace)
    return Counter(each.data.job for each in events if isinstance(each, MaintenanceCompleted))


async def test_two_consumers_at_once_do_each_slot_once(
    stack: Engines, tmp_path_factory: pytest.TempPathFactory
) -> None:
    intervals = {
        "HUMAN_MEMORY_DECAY_INTERVAL_SECONDS": "3",
        "HUMAN_MEMORY_CONSOLIDATION_INTERVAL_SECONDS": "6",
        "HUMAN_MEMORY_EMBEDDING_THREADS": "1",
    }
    namespaces = [f"two/{number}" for number in range(6)]
    folder = tmp_path_factory.mktemp("two-consumers")
    async with system_on(stack.kafka, stack.redis, folder, partitions=4) as own:
        own.environment = intervals
        services = [own.start("ingest", "projection", "retrieval"), own.start("maintenance")]
        services.append(own.start("maintenance"))
        await asyncio.gather(*[service.ready() for service in services])
        async with own.bus() as bus:
            for agent in (agents := [Agent(bus, namespace) for namespace in namespaces]):
                short = builders.parameters(horizon_seconds=SHORT_SECONDS)
                await agent.tell(short.model_copy(update={"namespace": agent.namespace}))

            async def have_lived() -> bool:
                await asyncio.gather(*[agent.store("Another crate.") for agent in agents])
                runs = [await _runs(own, agent.namespace) for agent in agents]
                return all(each["decay"] >= 3 and each["consolidation"] >= 2 for each in runs)

            await eventually(have_lived, seconds=ENDS_SECONDS)
        await asyncio.gather(*[service.stop() for service in services[1:]])
        await folded(own)
        events = [decode(record).event for record in await read_all(own, EVENTS)]
        await assert_redis_is_the_fold_of_the_log(own)

    ended = [event for event in events if isinstance(event, MaintenanceCompleted)]
    runs = Counter(event.subject for event in ended)
    slots = Counter((event.namespace, event.data.job, event.data.began_at) for event in ended)
    decayed = Counter(event.subject for event in events if isinstance(event, MemoryDecayed))
    assert set(runs.values()) == {1}
    assert set(slots.values()) == {1}
    assert {job for _, job, _ in slots} == {"decay", "consolidation"}
    assert {namespace for namespace, _, _ in slots} == set(namespaces)
    assert set(decayed.values()) == {1}
