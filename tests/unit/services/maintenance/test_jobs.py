"""What each job does to a namespace, on a virtual clock; and what a repeat adds to it: nothing."""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from bench.year.world import World, WorldLog, WorldSide
from schemas.errors import NotFound, Rejected
from schemas.events import MemoryEvent, MemoryStored
from schemas.fields import Emotion
from schemas.ids import derive, effect_id
from schemas.inbox import Access, SetParameters, Store
from schemas.jobs import parameters_of
from schemas.parameters import Parameters
from schemas.replies import RunResult
from services.maintenance.domain import RunContext, levels_of
from services.maintenance.jobs.undo import UndoJob
from services.maintenance.runner import Runner
from services.maintenance.wording import WordingFailed
from services.maintenance.work import Work
from services.retrieval.digest import namespace_digest, rows_of_view
from tests.unit.services.maintenance.words import WordEmbedder

START_MS = 1_750_000_000_000
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
CONSOLIDATION: dict[str, Any] = {}


class Killed(Exception):
    """What kill -9 does to a run."""


def world() -> World:
    return World(WordEmbedder(), START_MS)


async def store(own: World, content: str, **fields: Any) -> UUID:
    command = Store.model_validate({"namespace": own.namespace, "content": content} | fields)
    return (await own.tell(command))[0]


async def use(own: World, *memories: UUID, kind: str = "used") -> None:
    fields = {"namespace": own.namespace, "memory_ids": list(memories), "kind": kind}
    await own.tell(Access.model_validate(fields))


def status(own: World, memory: UUID) -> str:
    return own.view.memories[own.namespace, memory].state.status


def bias(own: World, memory: UUID) -> float:
    return own.view.memories[own.namespace, memory].state.bias


def contents(own: World, memory_type: str) -> list[str]:
    return [
        memory.document["content"].decode()
        for memory in own.memories().values()
        if memory.document is not None
        and memory.document["type"].decode() == memory_type
        and memory.state.status == "active"
    ]


def count(result: RunResult, name: str) -> int:
    """A number of a report."""
    number = result.report[name]
    assert isinstance(number, int)
    return number


async def level(own: World, memory: UUID) -> float:
    page = await WorldSide(own).page(own.namespace, [str(memory)])
    parameters = own.view.namespace(own.namespace).parameters
    return float(levels_of(page.memories, own.now_ms, parameters)[0])


async def episodes(own: World) -> list[UUID]:
    """Five that say the same in five sessions, and two that say something else."""
    said = [
        await store(own, f"Ann drinks green tea {when}", session=f"s{n}")
        for n, when in enumerate(("daily", "again", "today", "early", "late"))
    ]
    await store(own, "The bridge closed.")
    await store(own, "Kites need wind.")
    return said


async def test_one_access_fades_after_a_week_and_five_days_with_downscaling() -> None:
    own = world()
    memory = await store(own, "The harbour was closed.")

    own.now_ms = START_MS + 7 * DAY_MS
    await own.run("decay")
    assert status(own, memory) == "active"
    own.now_ms = START_MS + round(7.26 * DAY_MS)
    result = await own.run("decay")

    assert status(own, memory) == "decayed"
    assert result.report["memories_decayed"] == 1


async def test_import_of_an_old_conversation_archives_nothing_at_once() -> None:
    own = world()
    memory = await store(own, "Long ago.", occurred_at=START_MS - 400 * DAY_MS)

    await own.run("decay")
    assert status(own, memory) == "active"
    own.now_ms += 8 * DAY_MS
    await own.run("decay")

    assert status(own, memory) == "decayed"


async def test_decay_looks_only_at_what_is_due() -> None:
    own = world()
    for number in range(20):
        own.now_ms = START_MS + number * DAY_MS
        await store(own, f"Day {number}.")
    await own.run("decay")

    own.now_ms += HOUR_MS
    result = await own.run("decay")

    assert result.report["memories_examined"] == 0
    own.now_ms += DAY_MS
    result = await own.run("decay")
    assert count(result, "memories_examined") <= 3


async def test_what_moved_us_lasts_longer_than_what_differs_in_nothing_else() -> None:
    own = world()
    felt = Emotion(valence=-0.9, arousal=1.0, salience=0.9)
    plain = await store(own, "The door was red.", emotion=Emotion())
    moving = await store(own, "The door was red.", emotion=felt)

    own.now_ms += 8 * DAY_MS
    await own.run("decay")

    assert (status(own, plain), status(own, moving)) == ("decayed", "active")


async def test_capacity_archives_the_weakest_and_spares_the_pinned() -> None:
    own = world()
    pinned = await store(own, "Pinned.", pinned=True)
    weak, used, new = [await store(own, name) for name in ("Weak.", "Used.", "New.")]
    own.now_ms += HOUR_MS
    await use(own, used, new)

    result = await own.run("capacity", capacity=3)

    assert result.report["memories_affected"] == 1
    assert [status(own, each) for each in (pinned, weak, used, new)] == [
        "active", "decayed", "active", "active",
    ]  # fmt: skip


async def test_prune_spares_what_a_goal_means_or_names() -> None:
    own = world()
    named = await store(own, "AI agents plan.")
    similar = await store(own, "Learn about AI agents")
    other = await store(own, "An important airport.")

    result = await own.run("strategic_prune", goals=["AI"])

    assert (bias(own, named), bias(own, similar), bias(own, other)) == (0.0, 0.0, -0.5)
    assert result.report["memories_affected"] == 1
    assert (await own.run("strategic_prune")).report["memories_affected"] == 0


async def test_similar_memories_compete_by_how_similar_they_are() -> None:
    own = world()
    old = await store(own, "tea at four in the garden")
    other = await store(own, "a quarrel about money")
    own.now_ms += HOUR_MS
    newest = await store(own, "tea at four in the garden")

    await own.run("interference")

    assert bias(own, old) == pytest.approx(-0.2, abs=0.01)
    assert (bias(own, other), bias(own, newest)) == (0.0, 0.0)


async def test_practice_lowers_what_was_similar_and_not_retrieved() -> None:
    own = world()
    retrieved = await store(own, "tea at four in the garden")
    rival = await store(own, "tea at four in the kitchen garden")
    await use(own, retrieved)

    await own.run("rif", retrieved=[str(retrieved)])

    assert (bias(own, retrieved), bias(own, rival)) == (0.0, -0.15)


async def test_what_cannot_be_done_is_refused_and_reported() -> None:
    own = world()
    await store(own, "Something.")
    for job, wrong in (
        ("capacity", {"capacity": -1}),
        ("strategic_prune", {"goals": [" "]}),
        ("decay", {"speed": 2}),
        ("consolidation", {"phases": ["dream"]}),
    ):
        with pytest.raises(Rejected):
            parameters_of(job, wrong)
    with pytest.raises(NotFound):
        await own.run("interference", memory_id=str(derive("nobody")))
    failed = next(iter(own.view.namespace(own.namespace).runs.values()))
    assert "not in namespace" in failed.report["error"]


async def test_consolidation_makes_one_fact_of_what_was_said_again_and_again() -> None:
    own = world()
    said = await episodes(own)
    own.now_ms += HOUR_MS

    result = await own.run("consolidation")

    assert result.report["facts_extracted"] == 1
    (fact,) = contents(own, "semantic")
    assert "tea" in fact
    stored = next(each for each in own.events if _is_fact(each))
    assert isinstance(stored, MemoryStored)
    sources = {source.memory_id for source in stored.data.derived_from}
    assert sources == set(said)
    # The fact begins with the uses of its episodes: it is stronger than any of them.
    assert await level(own, UUID(stored.subject)) > max([await level(own, each) for each in said])
    assert count(result, "concepts_added") == len(own.view.namespace(own.namespace).concepts) == 2


async def test_fact_seen_again_is_strengthened_and_not_stored_twice() -> None:
    own = world()
    await episodes(own)
    own.now_ms += HOUR_MS
    await own.run("consolidation")
    own.now_ms += HOUR_MS
    again = await own.run("consolidation", phases=["extract"])
    await store(own, "Ann drinks green tea now")
    own.now_ms += HOUR_MS
    new_evidence = await own.run("consolidation", phases=["extract"])

    assert (again.report["facts_extracted"], again.report["facts_strengthened"]) == (0, 0)
    assert new_evidence.report["facts_extracted"] == 0
    assert new_evidence.report["facts_strengthened"] == 1
    assert len(contents(own, "semantic")) == 1


async def test_repeated_sequence_becomes_a_skill_with_its_steps() -> None:
    own = world()
    for day, colour in enumerate(("red", "blue", "green")):
        for step in (f"open the {colour} box", "press the start button", "write the result down"):
            own.now_ms += 60_000
            await store(own, step, session=f"day {day}")
        own.now_ms += HOUR_MS

    result = await own.run("consolidation", phases=["compile"])

    assert result.report["phase_4_compiled"] == 1
    (skill,) = contents(own, "procedural")
    assert "press the start button" in skill
    assert skill.startswith("1. ")
    repeated = await own.run("consolidation", phases=["compile"])
    assert repeated.report["phase_4_compiled"] == 0


async def test_downscaling_changes_the_ranking_and_spares_what_was_used() -> None:
    own = world()
    idle = await store(own, "An idle thought.")
    own.now_ms += HOUR_MS
    used = await store(own, "A thought in use.")
    await own.run("consolidation", phases=["prune"])
    before = await level(own, idle)
    own.now_ms += 1
    await use(own, used)
    parameters = own.view.namespace(own.namespace).parameters

    page = await WorldSide(own).page(own.namespace, [str(idle), str(used)])
    plain = levels_of(page.memories, own.now_ms, Parameters())
    scaled = levels_of(page.memories, own.now_ms, parameters)

    assert scaled[0] - plain[0] == pytest.approx(-0.10536, abs=1e-5)
    assert scaled[1] == plain[1]
    own.now_ms += 6 * HOUR_MS
    await own.run("consolidation", phases=["prune"])
    # Not cumulative: twice downscaled is as once.
    twice = await level(own, idle)
    assert twice < before
    page = await WorldSide(own).page(own.namespace, [str(idle)])
    parameters = own.view.namespace(own.namespace).parameters
    now = levels_of(page.memories, own.now_ms, parameters) - levels_of(
        page.memories, own.now_ms, Parameters()
    )
    assert now[0] == pytest.approx(-0.10536, abs=1e-5)


@pytest.mark.parametrize(
    ("job", "parameters"),
    [
        ("decay", {}),
        ("capacity", {"capacity": 2}),
        ("strategic_prune", {"goals": ["kites"]}),
        ("interference", {"similarity_min": 0.3}),
        ("consolidation", {}),
    ],
)
async def test_undone_run_leaves_nothing(job: Any, parameters: dict[str, Any]) -> None:
    own = world()
    said = await episodes(own)
    own.now_ms += 8 * DAY_MS if job == "decay" else HOUR_MS
    await use(own, said[0])
    before = _digest(own)
    levels = [await level(own, each) for each in said]
    result = await own.run(job, **parameters)
    assert _digest(own) != before

    undo = _undo_of(own, result.run_id)
    await own.execute(undo, UndoJob(run_id=result.run_id))

    assert [await level(own, each) for each in said] == levels
    assert _digest(own) == before
    assert own.view.namespace(own.namespace).runs[result.run_id].undone_ms is not None


@pytest.mark.parametrize("job", ["decay", "capacity", "strategic_prune", "consolidation"])
async def test_run_killed_anywhere_and_done_again_leaves_what_one_run_leaves(job: Any) -> None:
    given: dict[str, dict[str, Any]] = {
        "capacity": {"capacity": 2},
        "strategic_prune": {"goals": ["kites"]},
    }
    parameters = parameters_of(job, given.get(job, {}))
    whole = await _lived(job)
    context = _context(whole, job)
    await whole.execute(context, parameters)
    expected, appends = _digest(whole), len(whole.events)

    killed_somewhere = False
    for after in range(1, 30):
        own = await _lived(job)
        dying = _Dying(own, after)
        try:
            runner = Runner(side=WorldSide(own), log=dying, embedder=own.embedder)
            await runner.execute(runner.work_of(context), parameters)
        except Killed:
            killed_somewhere = True
            result = await own.execute(context, parameters)
            assert result.complete
            assert _digest(own) == expected, f"killed after {after} appends"
    assert killed_somewhere
    assert appends > 0


async def test_cancelled_run_says_so_and_can_be_undone() -> None:
    own = world()
    await episodes(own)
    before = _digest(own)
    context = _context(own, "consolidation")
    runner = Runner(side=WorldSide(own), log=WorldLog(own), embedder=own.embedder)
    work = runner.work_of(context)
    work.cancel.set()

    result, _ = await runner.execute(work, parameters_of("consolidation", {}))

    assert result.cancelled
    assert own.view.namespace(own.namespace).runs[context.run_id].cancelled
    assert _digest(own) == before


class Silent:
    """A language model that is down."""

    name = "silent"

    async def fact(self, texts: list[str]) -> str | None:
        raise WordingFailed("nobody answers")


class Speaking:
    """A language model that finds the words."""

    name = "speaking"

    async def fact(self, texts: list[str]) -> str | None:
        return "Ann likes tea."


async def test_without_its_language_model_the_phase_says_so_and_the_rest_runs() -> None:
    own = world()
    own.wording = Silent()
    await episodes(own)
    own.now_ms += HOUR_MS

    result = await own.run("consolidation")

    assert result.report["facts_extracted"] == 0
    assert result.report["extract_error"] == "nobody answers"
    assert count(result, "memories_downscaled") > 0


async def test_what_the_language_model_said_is_in_the_event() -> None:
    own = world()
    own.wording = Speaking()
    await episodes(own)
    own.now_ms += HOUR_MS

    await own.run("consolidation")

    stored = next(each for each in own.events if _is_fact(each))
    assert isinstance(stored, MemoryStored)
    assert stored.data.content == "Ann likes tea."
    assert stored.data.metadata["worded_by"] == "speaking"


async def test_parameters_that_lower_the_horizon_are_noticed() -> None:
    own = world()
    memory = await store(own, "The harbour was closed.")
    own.now_ms += DAY_MS
    shorter = Parameters(horizon_seconds=3_600.0)
    await own.tell(SetParameters(namespace=own.namespace, parameters=shorter))
    await WorldSide(own).look_at_all(own.namespace, _in_force(own))

    await own.run("decay")

    assert status(own, memory) == "decayed"


class _Dying(WorldLog):
    """A log that dies with its process after some appends."""

    def __init__(self, own: World, after: int) -> None:
        super().__init__(own)
        object.__setattr__(self, "left", [after])

    async def append(self, events: list[MemoryEvent]) -> list[str]:
        left: list[int] = getattr(self, "left")  # noqa: B009 (a frozen dataclass)
        done = []
        for event in events:  # also in the middle of what was to be appended
            if left[0] == 0:
                raise Killed
            left[0] -= 1
            done += await super().append([event])
        return done


async def _lived(job: str) -> World:
    own = world()
    said = await episodes(own)
    own.now_ms += 8 * DAY_MS if job == "decay" else HOUR_MS
    await use(own, said[0])
    return own


def _context(own: World, job: Any) -> RunContext:
    run = derive("run", job)
    return RunContext(
        run_id=run, namespace=own.namespace, job=job, now_ms=own.now_ms, commanded_ms=own.now_ms
    )


def _undo_of(own: World, run: UUID) -> RunContext:
    return RunContext(
        run_id=derive("undo", str(run)),
        namespace=own.namespace,
        job="undo",
        now_ms=own.now_ms,
        commanded_ms=own.now_ms,
    )


def _digest(own: World) -> bytes:
    """Of all memories that are there: without where the log stands, and without what is deleted."""
    gone = {name for name, m in own.memories().items() if m.state.status == "deleted"}
    rows = []
    own.view.touch(own.namespace)
    for name, value in rows_of_view(own.view, own.namespace):
        kind = name.partition(":")[0]
        memory = name.split(":")[1] if kind in ("document", "record", "contexts") else ""
        if kind in ("changed", "frequent", "runs", "runs by offset", "graph") or memory in gone:
            continue
        if kind in ("concepts", "relation", "vocabulary", "parameters", "counts", "recent"):
            continue
        if kind == "record":
            state = own.memories()[memory].state
            value = repr((state.status, state.bias, state.presentations, state.changes)).encode()
            value += own.memories()[memory].parts.traces
        rows.append((name, value))
    return namespace_digest(rows)


def _is_fact(event: MemoryEvent) -> bool:
    return isinstance(event, MemoryStored) and event.data.memory_type == "semantic"


def _in_force(own: World) -> Any:
    return own.view.namespace(own.namespace).parameters


def test_effect_of_a_run_on_a_memory_has_one_id() -> None:
    run, memory = derive("run"), derive("memory")

    assert effect_id(run, memory, "a") == effect_id(run, str(memory), "a")
    assert effect_id(run, memory, "a") != effect_id(run, memory, "b")


def test_work_waits_for_nothing_if_it_has_appended_nothing() -> None:
    own = world()
    work = Work(
        run=_context(own, "decay"),
        side=WorldSide(own),
        log=WorldLog(own),
        embedder=own.embedder,
    )

    asyncio.run(work.folded())

    assert work.position is None
