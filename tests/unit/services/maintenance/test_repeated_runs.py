"""Runs that are undone, killed anywhere and done again, or cancelled: what they leave."""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from schemas.events import MemoryEvent
from schemas.ids import derive, effect_id
from schemas.inbox import Concept, InboxMessage, Relation
from schemas.jobs import parameters_of
from services.maintenance.events import RunContext, progressed_event
from services.maintenance.jobs.undo import UndoJob
from services.maintenance.runner import Runner
from services.maintenance.work import Work
from services.readside.collections import CONCEPTS, MADE, RELATIONS, RUNS
from services.readside.runs import BEGIN
from tests.fakes.maintenance_side import FoldedReadSide
from tests.fakes.world import FoldedLog, World
from tests.unit.services.maintenance.living import (
    DAY_MS,
    HOUR_MS,
    count,
    digest,
    episodes,
    level,
    store,
    use,
    world,
)


class Killed(BaseException):
    """What kill -9 does to a run: nothing catches it."""


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
    before = digest(own)
    levels = [await level(own, each) for each in said]
    result = await own.run(job, **parameters)
    assert digest(own) != before

    undo = _undo_of(own, result.run_id)
    await own.execute(undo, UndoJob(run_id=result.run_id))

    assert [await level(own, each) for each in said] == levels
    assert digest(own) == before
    assert own.view.namespace(own.namespace)[RUNS][result.run_id].undone_ms is not None


@pytest.mark.parametrize("job", ["decay", "capacity", "strategic_prune", "consolidation"])
async def test_run_killed_anywhere_and_done_again_leaves_what_one_run_leaves(job: Any) -> None:
    given: dict[str, dict[str, Any]] = {
        "capacity": {"capacity": 2},
        "strategic_prune": {"goals": ["kites"]},
    }
    parameters = parameters_of(job, given.get(job, {}))
    whole = await _lived(job)
    context = _context(whole, job)
    report = (await whole.execute(context, parameters)).report
    expected, appends = digest(whole), len(whole.events)

    killed_somewhere = False
    for after in range(1, 30):
        own = await _lived(job)
        dying = _Dying(own, after)
        try:
            runner = Runner(side=FoldedReadSide(own), log=dying, embedder=own.embedder)
            await runner.execute(runner.work_of(context), parameters)
        except Killed:
            killed_somewhere = True
            result = await own.execute(context, parameters)
            assert result.complete
            assert digest(own) == expected, f"killed after {after} appends"
            assert _of_the_whole_run(result.report) == _of_the_whole_run(report), (
                f"after {after} appends"
            )
    assert killed_somewhere
    assert appends > 0


async def test_fact_that_was_undone_is_not_learnt_again_from_the_same_episodes() -> None:
    own = world()
    await episodes(own)
    own.now_ms += HOUR_MS
    first = await own.run("consolidation")
    await own.execute(_undo_of(own, first.run_id), UndoJob(run_id=first.run_id))
    undone = digest(own)

    again = await own.run("consolidation", phases=["extract"])

    assert count(first, "facts_extracted") >= 1
    assert count(again, "facts_extracted") == count(again, "concepts_added") == 0
    assert again.report["facts_left"] == first.report["facts_extracted"]
    assert digest(own) == undone


async def test_undo_keeps_what_the_graph_had_before_and_what_others_use_since() -> None:
    own = world()
    await episodes(own)
    await own.tell(Concept(namespace=own.namespace, name="drinks", concept_type="deed"))
    own.now_ms += HOUR_MS
    first = await own.run("consolidation")
    graph = own.view.namespace(own.namespace)
    added = set(graph[CONCEPTS]) - {"drinks"}
    assert first.report["concepts_added"] == len(added) == 1
    assert len(graph[RELATIONS]) == 2  # one, at both ends

    undo = await own.execute(_undo_of(own, first.run_id), UndoJob(run_id=first.run_id))

    assert undo.report["concepts_removed"] == 1
    assert set(graph[CONCEPTS]) == {"drinks"}
    assert graph[CONCEPTS]["drinks"].concept_type == "deed"
    assert graph[RELATIONS] == {}


@pytest.mark.parametrize("first_undone", [0, 1])
async def test_topic_of_two_runs_is_there_until_both_are_undone(first_undone: int) -> None:
    own = world()
    graph = own.view.namespace(own.namespace)
    runs = []
    for kind in ("kites", "boats"):
        for when in ("now", "then", "soon"):
            await store(own, f"{kind} harbour {when} {kind}")
        own.now_ms += HOUR_MS
        runs.append(await own.run("consolidation", phases=["extract"]))
    topics = set(graph[CONCEPTS])
    assert [count(run, "facts_extracted") for run in runs] == [1, 1]
    assert [count(run, "concepts_added") for run in runs] == [2, 1]  # they share one
    assert len(topics) == 3

    one, other = runs[first_undone], runs[1 - first_undone]
    await own.execute(_undo_of(own, one.run_id), UndoJob(run_id=one.run_id))
    shared = set(graph[CONCEPTS])
    await own.execute(_undo_of(own, other.run_id), UndoJob(run_id=other.run_id))

    assert len(shared) == 2
    assert (graph[CONCEPTS], graph[RELATIONS], graph[MADE]) == ({}, {}, {})


async def test_undo_leaves_a_concept_that_somebody_related_since() -> None:
    own = world()
    await episodes(own)
    own.now_ms += HOUR_MS
    result = await own.run("consolidation")
    graph = own.view.namespace(own.namespace)
    one, other = sorted(graph[CONCEPTS])
    await own.tell(
        Relation(namespace=own.namespace, source=one, target=one, relation_type="like", weight=0.3)
    )

    undo = await own.execute(_undo_of(own, result.run_id), UndoJob(run_id=result.run_id))

    assert undo.report["concepts_removed"] == 1
    assert set(graph[CONCEPTS]) == {one}
    assert other not in graph[CONCEPTS]
    assert set(graph[RELATIONS].values()) == {0.3}


async def test_what_anybody_sends_with_the_id_of_a_run_at_work_is_undone_with_it() -> None:
    own = world()
    run = _context(own, "consolidation")
    own.take(progressed_event(run, BEGIN))
    for name, run_id in (("theirs", run.run_id), ("ours", None)):
        await own.tell(Concept(namespace=own.namespace, name=name, run_id=run_id))
    await own.execute(run, parameters_of("consolidation", {}))

    await own.execute(_undo_of(own, run.run_id), UndoJob(run_id=run.run_id))

    assert set(own.view.namespace(own.namespace)[CONCEPTS]) == {"ours"}


async def test_cancelled_run_says_so_and_can_be_undone() -> None:
    own = world()
    await episodes(own)
    before = digest(own)
    context = _context(own, "consolidation")
    runner = Runner(side=FoldedReadSide(own), log=FoldedLog(own), embedder=own.embedder)
    work = runner.work_of(context)
    work.cancel.set()

    result, _ = await runner.execute(work, parameters_of("consolidation", {}))

    assert result.cancelled
    assert own.view.namespace(own.namespace)[RUNS][context.run_id].cancelled
    assert digest(own) == before


class _Dying(FoldedLog):
    """A log that dies with its process after some appends, its own or those of ingest for it."""

    def __init__(self, own: World, after: int) -> None:
        super().__init__(own)
        self._left = after

    async def append(self, events: list[MemoryEvent]) -> list[str]:
        done = []
        for event in events:  # also in the middle of what was to be appended
            self._live_or_die()
            done += await super().append([event])
        return done

    async def ask(self, command: InboxMessage) -> tuple[dict[str, Any], str | None]:
        self._live_or_die()
        return await super().ask(command)

    def _live_or_die(self) -> None:
        if self._left == 0:
            raise Killed
        self._left -= 1


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


def test_effect_of_a_run_on_a_memory_has_one_id() -> None:
    run, memory = derive("run"), derive("memory")

    assert effect_id(run, memory, "a") == effect_id(run, str(memory), "a")
    assert effect_id(run, memory, "a") != effect_id(run, memory, "b")


def test_work_waits_for_nothing_if_it_has_appended_nothing() -> None:
    own = world()
    work = Work(
        run=_context(own, "decay"),
        side=FoldedReadSide(own),
        log=FoldedLog(own),
        embedder=own.embedder,
    )

    asyncio.run(work.folded())

    assert work.position is None


def _of_the_whole_run(report: dict[str, Any]) -> dict[str, Any]:
    """Without what says how much the last attempt had left to do."""
    attempt = ("facts", "memories_examined")
    return {name: value for name, value in report.items() if name not in attempt}
