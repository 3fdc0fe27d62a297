"""What every projection store must do."""

import asyncio
import itertools
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.events import AccessKind, MemoryEvent
from schemas.ids import effect_id
from services.projection.adapters import redis_changes
from services.projection.digest import digest_of_view
from services.projection.fold import fold as domain
from services.projection.fold import presentations
from services.projection.fold.fold import fold, fold_log
from services.projection.fold.view import Namespace, Needs, Ref, View
from services.projection.ports import Outcome
from services.readside import collections
from services.readside.collections import COUNTS
from services.readside.layout import TRACE
from tests.builders import (
    TIME_MS,
    accessed_event,
    adjusted_event,
    forgotten_event,
    memory_id,
    parameters_event,
    restored_event,
)
from tests.contract.corrections_contract import CorrectionsContract
from tests.contract.deletion_contract import DeletionContract
from tests.contract.fold_version_contract import FoldVersionContract
from tests.contract.folding import Offsets, ProbedProjection, batch_of, fold_all, fold_into
from tests.sequences import GRAPH, KINDS, TIMES, around, at_offsets, cuts, logs, small_stored

ANN, BOB = memory_id("ann"), memory_id("bob")
NAMESPACE = "acme/one"
REF: Ref = (NAMESPACE, ANN)
SMALL_LIMIT = 2
# Examples share the projection; each folds into a partition of its own.
FEW = settings(
    max_examples=15,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
)


def stored(name: str = "ann", time_ms: int = TIME_MS) -> MemoryEvent:
    return small_stored(memory_id(name), envelope=around(time_ms, name), context="at home")


def accessed(seconds: float, kind: AccessKind = "recall") -> MemoryEvent:
    envelope = around(TIME_MS + round(1000 * seconds), seconds)
    return accessed_event(ANN, kind=kind, envelope=envelope, context="again")


def needs_of(*refs: Ref, events: Iterable[MemoryEvent] = ()) -> Needs:
    """These memories, what is known of their namespaces, and whether events were seen."""
    return Needs(
        memories=dict.fromkeys(refs),
        events=[event.id.bytes for event in events],
        namespaces={name for name, _ in refs},
    )


def digest_of(events: Offsets) -> str:
    return digest_of_view(fold_log(events))


@contextmanager
def small_limits() -> Iterator[None]:
    """Limits so small that a short log reaches them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(presentations, "ACCESS_HISTORY_MAX", SMALL_LIMIT)
        patch.setattr(presentations, "TRACES_MAX", 2 * SMALL_LIMIT)
        for module in (domain, redis_changes):
            patch.setattr(module, "SEEN_EVENTS_MAX", SMALL_LIMIT)
        patch.setattr(collections, "RECENT_MAX", SMALL_LIMIT)
        yield


class ProjectionContract(FoldVersionContract, CorrectionsContract, DeletionContract):
    """What every projection store must do. Subclasses give only the `projection` fixture."""

    @pytest.fixture
    def partitions(self) -> Iterator[int]:
        """Partitions nobody has used yet."""
        return itertools.count()

    async def test_store_begins_with_version_one_and_nothing(
        self, projection: ProbedProjection
    ) -> None:
        version = await projection.live_version(0)

        assert version == 1
        assert await projection.load(0, 1, needs_of(REF, events=[stored()])) == (
            0,
            View(namespaces={NAMESPACE: Namespace()}),
        )
        assert await projection.digest(0, 1) == digest_of([])

    async def test_partition_that_begins_later_joins_the_live_build(
        self, projection: ProbedProjection
    ) -> None:
        await projection.live_version(0)
        await projection.switch(0, 3)

        assert await projection.live_version(1) == 3

    async def test_what_a_batch_changed_is_there_for_the_next(
        self, projection: ProbedProjection
    ) -> None:
        events = at_offsets([stored(), accessed(1), forgotten_event(ANN, envelope=around(1))], 7)
        await projection.live_version(0)
        await fold_all(projection, [at_offsets([stored("bob")] * 7), events], partition=0)

        cursor, view = await projection.load(0, 1, needs_of(REF, events=[events[0][1]]))

        folded = fold_log(events)
        assert cursor == 10
        assert view.memories[REF].state == folded.memories[REF].state
        assert view.memories[REF].parts == folded.memories[REF].parts
        assert view.memories[REF].document_status == "deleted"
        counts = view.namespaces[NAMESPACE][COUNTS]
        assert (counts["active"], counts["decayed"], counts["deleted"]) == (1, 0, 1)
        assert view.seen == {events[0][1].id.bytes: 7}

    async def test_batch_sent_again_after_a_lost_reply_changes_nothing(
        self, projection: ProbedProjection
    ) -> None:
        # The store applied the batch, its reply got lost, and the consumer sends it again.
        events = at_offsets([stored(), accessed(1)])
        await projection.live_version(0)
        batch = batch_of(events, partition=0)
        await batch.load(projection)
        await batch.apply(projection)

        outcome = await batch.apply(projection)

        assert outcome == Outcome("cursor", 2)
        assert await projection.cursor(0, 1) == 2
        assert await projection.digest(0, 1) == digest_of(events)

    async def test_records_that_are_done_are_dropped_when_they_come_again(
        self, projection: ProbedProjection
    ) -> None:
        events = at_offsets([stored(), accessed(1), accessed(2)])
        await projection.live_version(0)
        await fold_into(projection, events[:2], partition=0)

        outcome = await fold_into(projection, events, partition=0)

        assert outcome == Outcome("applied", 3)
        assert await fold_into(projection, events, partition=0) is None
        assert await projection.digest(0, 1) == digest_of(events)

    @pytest.mark.parametrize("cursor", [0, 1, 3, 1_000])
    async def test_wrong_cursor_applies_nothing(
        self, projection: ProbedProjection, cursor: int
    ) -> None:
        events = at_offsets([stored(), accessed(1)])
        await projection.live_version(0)
        await fold_all(projection, [events], partition=0)
        _, view = await projection.load(0, 1, needs_of(REF))
        fold(view, accessed(2), 2)

        outcome = await projection.apply(0, 1, view, cursor=cursor, next_cursor=cursor + 1)

        assert outcome == Outcome("cursor", 2)
        assert await projection.digest(0, 1) == digest_of(events)

    async def test_crash_between_load_and_apply_loses_nothing(
        self, projection: ProbedProjection
    ) -> None:
        events = at_offsets([stored(), accessed(1)])
        await projection.live_version(0)
        await batch_of(events, partition=0).load(projection)

        outcome = await fold_into(projection, events, partition=0)

        assert outcome == Outcome("applied", 2)
        assert await projection.digest(0, 1) == digest_of(events)

    async def test_of_two_that_fold_the_same_batch_one_is_taken(
        self, projection: ProbedProjection
    ) -> None:
        events = at_offsets([stored(), accessed(1)])
        await projection.live_version(0)

        outcomes = await asyncio.gather(
            *(fold_into(projection, events, partition=0) for _ in range(5))
        )

        results = [outcome.result for outcome in outcomes if outcome is not None]
        assert results.count("applied") == 1
        assert set(results) <= {"applied", "cursor"}
        assert await projection.digest(0, 1) == digest_of(events)

    async def test_held_fold_stops_there_and_goes_on_afterwards(
        self, projection: ProbedProjection
    ) -> None:
        events = at_offsets([stored(), accessed(1), accessed(2)])
        await projection.live_version(0)
        await projection.hold(0, 2)

        refused = await fold_into(projection, events, partition=0)
        taken = await fold_into(projection, events[:2], partition=0)
        await projection.hold(0, None)
        rest = await fold_into(projection, events, partition=0)

        assert refused == Outcome("hold", 2)
        assert taken == Outcome("applied", 2)
        assert rest == Outcome("applied", 3)
        assert await projection.digest(0, 1) == digest_of(events)

    async def test_hold_of_one_partition_leaves_the_others_alone(
        self, projection: ProbedProjection
    ) -> None:
        await projection.live_version(0)
        await projection.live_version(1)
        await projection.hold(0, 0)

        outcome = await fold_into(projection, at_offsets([stored()]), partition=1)

        assert outcome == Outcome("applied", 1)

    async def test_build_that_is_not_live_any_more_takes_nothing(
        self, projection: ProbedProjection
    ) -> None:
        events = at_offsets([stored()])
        await projection.live_version(0)
        await fold_all(projection, [events], partition=0)
        await projection.switch(0, 2)

        outcome = await fold_into(projection, at_offsets([accessed(1)], 1), partition=0)

        assert outcome == Outcome("version", 2)
        assert await projection.digest(0, 1) == digest_of(events)
        assert await projection.cursor(0, 2) == 0

    async def test_builds_of_a_partition_do_not_touch_each_other(
        self, projection: ProbedProjection
    ) -> None:
        one, two = at_offsets([stored()]), at_offsets([stored("bob"), stored()])
        await projection.live_version(0)
        await fold_all(projection, [one], partition=0, version=1)
        await projection.switch(0, 2)

        await fold_all(projection, [two], partition=0, version=2)

        assert await projection.digest(0, 1) == digest_of(one)
        assert await projection.digest(0, 2) == digest_of(two)

    @FEW
    @given(data=st.data())
    async def test_log_cut_into_any_batches_gives_the_fold_of_the_whole(
        self, projection: ProbedProjection, partitions: Iterator[int], data: st.DataObject
    ) -> None:
        events = at_offsets(data.draw(logs()), data.draw(st.integers(0, 3)))
        batches = [events[cut] for cut in data.draw(cuts(len(events)))]
        partition = next(partitions)
        await projection.live_version(partition)

        await fold_all(projection, batches, partition=partition)

        assert await projection.digest(partition, 1) == digest_of(events)

    @FEW
    @given(data=st.data())
    async def test_what_runs_add_to_the_graph_comes_and_goes_whatever_the_batches(
        self, projection: ProbedProjection, partitions: Iterator[int], data: st.DataObject
    ) -> None:
        kinds = ("stored", "forgotten", *GRAPH, *GRAPH, *GRAPH)
        events = at_offsets(data.draw(logs(kinds=kinds, size_max=30)))
        batches = [events[cut] for cut in data.draw(cuts(len(events)))]
        partition = next(partitions)
        await projection.live_version(partition)

        await fold_all(projection, batches, partition=partition)

        assert await projection.digest(partition, 1) == digest_of(events)

    @FEW
    @given(data=st.data())
    async def test_limits_are_kept_whatever_the_batches(
        self, projection: ProbedProjection, partitions: Iterator[int], data: st.DataObject
    ) -> None:
        events = at_offsets(data.draw(logs(size_max=30)))
        batches = [events[cut] for cut in data.draw(cuts(len(events)))]
        partition = next(partitions)
        await projection.live_version(partition)

        with small_limits():
            await fold_all(projection, batches, partition=partition)
            found, expected = await projection.digest(partition, 1), digest_of(events)

        assert found == expected

    @FEW
    @given(data=st.data())
    async def test_compacted_history_is_the_same_whatever_the_batches(
        self, projection: ProbedProjection, partitions: Iterator[int], data: st.DataObject
    ) -> None:
        uses = data.draw(st.lists(st.tuples(TIMES, KINDS), min_size=5, max_size=25))
        accesses = [
            accessed_event(ANN, kind=kind, envelope=around(time_ms, number))
            for number, (time_ms, kind) in enumerate(uses)
        ]
        events = at_offsets([stored(), *accesses])
        batches = [events[cut] for cut in data.draw(cuts(len(events)))]
        partition = next(partitions)
        await projection.live_version(partition)

        with small_limits():
            await fold_all(projection, batches, partition=partition)
            kept, expected = fold_log(events), digest_of(events)
            found = await projection.digest(partition, 1)

        assert kept.memories[REF].state.presentations == len(events)
        assert len(kept.memories[REF].parts.traces) <= 2 * SMALL_LIMIT * TRACE.itemsize
        assert found == expected

    async def test_frequent_use_counts_the_same_whatever_the_batches(
        self, projection: ProbedProjection
    ) -> None:
        # What was crammed has decayed to nothing twenty days later, and compaction drops it.
        crammed = [accessed(0.001 * i) for i in range(1, 30)]
        later = [accessed(20 * 86_400 + i, "search") for i in range(5)]
        events = at_offsets([stored(), *crammed, *later])
        await projection.live_version(0)

        with small_limits():
            await fold_all(projection, [[event] for event in events], partition=0)
            found, expected = await projection.digest(0, 1), digest_of(events)

        assert found == expected

    @FEW
    @given(data=st.data())
    async def test_consumer_that_crashes_and_repeats_itself_gives_the_same(
        self, projection: ProbedProjection, partitions: Iterator[int], data: st.DataObject
    ) -> None:
        events = at_offsets(data.draw(logs()))
        partition = next(partitions)
        await projection.live_version(partition)
        attempts = st.tuples(st.integers(0, len(events)), st.integers(1, 9), st.booleans())

        for committed, taken, written in data.draw(st.lists(attempts, max_size=8)):
            # Killed before it wrote, or before it committed; goes on at a commit that may be old.
            begin = min(committed, await projection.cursor(partition, 1))
            batch = batch_of(events[begin : begin + taken], partition=partition)
            await batch.load(projection)
            if written and batch.decoded:
                await batch.apply(projection)
        await fold_into(projection, events, partition=partition)

        assert await projection.digest(partition, 1) == digest_of(events)

    @FEW
    @given(data=st.data())
    async def test_partitions_interleaved_give_each_its_own_fold(
        self, projection: ProbedProjection, partitions: Iterator[int], data: st.DataObject
    ) -> None:
        parts = {next(partitions): at_offsets(data.draw(logs(size_max=8))) for _ in range(3)}
        for partition in parts:
            await projection.live_version(partition)

        await asyncio.gather(
            *(
                fold_all(projection, [[event] for event in events], partition=partition)
                for partition, events in parts.items()
            )
        )

        for partition, events in parts.items():
            assert await projection.digest(partition, 1) == digest_of(events)

    async def test_event_that_is_refused_changes_nothing_and_its_neighbours_are_folded(
        self, projection: ProbedProjection
    ) -> None:
        refused = parameters_event(envelope=around(TIME_MS, "refused"), spacing_scale=-1.0)
        events = at_offsets([stored(), refused, accessed(1)])
        await projection.live_version(0)
        batch = batch_of(events, partition=0)

        await batch.load(projection)
        outcome = await batch.apply(projection)

        assert [each.error is None for each in batch.decoded] == [True, False, True]
        assert outcome == Outcome("applied", 3)
        assert await projection.digest(0, 1) == digest_of([events[0], events[2]])

    async def test_load_sees_one_instant(self, projection: ProbedProjection) -> None:
        rounds = 60
        both = [accessed_event(ANN, BOB, envelope=around(TIME_MS + i, i)) for i in range(rounds)]
        events = at_offsets([stored(), stored("bob"), *both])
        await projection.live_version(0)
        await fold_all(projection, [events[:2]], partition=0)
        refs = [REF, (NAMESPACE, BOB)]
        writer = asyncio.create_task(
            fold_all(projection, [[event] for event in events[2:]], partition=0)
        )

        seen = []
        while not writer.done():
            seen.append(await projection.load(0, 1, needs_of(*refs, events=[events[-1][1]])))
        await writer

        for cursor, view in seen:
            counts = {memory.state.access_count for memory in view.memories.values()}
            assert counts == {cursor - 1}
            assert bool(view.seen) == (cursor == len(events))

    async def test_after_losing_everything_the_log_brings_it_back(
        self, projection: ProbedProjection
    ) -> None:
        events = at_offsets(
            [stored(), accessed(1), forgotten_event(ANN, envelope=around(2)), stored("bob")]
        )
        await projection.live_version(0)
        await fold_all(projection, [events], partition=0)
        before = await projection.digest(0, 1)

        await projection.lose_everything()

        assert await projection.digest(0, 1) == digest_of([])
        assert await fold_into(projection, at_offsets([accessed(9)], 4), partition=0) == Outcome(
            "version", 0
        )
        assert await projection.live_version(0) == 1
        await fold_all(projection, [events], partition=0)
        assert await projection.digest(0, 1) == before

    async def test_contexts_that_fall_behind_leave_the_store(
        self, projection: ProbedProjection
    ) -> None:
        events = at_offsets([stored(), *[accessed(i) for i in range(1, 9)]])
        await projection.live_version(0)

        with small_limits():
            await fold_all(projection, [[event] for event in events], partition=0)
            kept = fold_log(events)

        assert len(kept.memories[REF].contexts) == SMALL_LIMIT
        assert await projection.digest(0, 1) == digest_of_view(kept)

    async def test_only_the_memories_accessed_last_are_listed_as_recent(
        self, projection: ProbedProjection
    ) -> None:
        events = at_offsets([stored(name, TIME_MS + i) for i, name in enumerate("abcde")])
        await projection.live_version(0)

        with small_limits():
            await fold_all(projection, [[event] for event in events], partition=0)
            found, expected = await projection.digest(0, 1), digest_of(events)

        assert found == expected

    async def test_restored_memory_is_where_it_was(self, projection: ProbedProjection) -> None:
        events = at_offsets(
            [
                stored(),
                forgotten_event(ANN, envelope=around(TIME_MS + 1, "f")),
                restored_event(ANN, envelope=around(TIME_MS + 2, "r")),
            ]
        )
        await projection.live_version(0)

        await fold_all(projection, [[event] for event in events], partition=0)

        assert await projection.digest(0, 1) == digest_of(events)

    async def test_memory_whose_only_rehearsal_is_taken_back_is_as_it_was(
        self, projection: ProbedProjection
    ) -> None:
        run = memory_id("run")
        rehearsal = {
            "id": effect_id(run, ANN, "memory.accessed.v1"),
            "source": "/human-memory/maintenance",
            "subject": str(run),
        }
        events = at_offsets(
            [
                stored(),
                accessed_event(ANN, kind="rehearsal", envelope=around(TIME_MS + 1) | rehearsal),
                adjusted_event(
                    ANN, 0.0, envelope=around(TIME_MS + 2, "u"), cause="undo", run_id=run
                ),
            ]
        )
        await projection.live_version(0)

        await fold_all(projection, [[event] for event in events], partition=0)

        assert fold_log(events).memories[REF].parts == fold_log(events[:1]).memories[REF].parts
        assert await projection.digest(0, 1) == digest_of(events)
