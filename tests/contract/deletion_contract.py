"""What a projection store must do with a namespace that is deleted."""

from collections.abc import Iterator

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.events import MemoryEvent
from schemas.ids import derive
from services.projection.digest import digest_of_view
from services.projection.fold.fold import fold_log
from tests.builders import (
    TIME_MS,
    accessed_event,
    concept_event,
    forgotten_event,
    memory_id,
    namespace_deleted_event,
    parameters_event,
    progressed_event,
    relation_event,
)
from tests.contract.folding import ProbedProjection, fold_all
from tests.sequences import WITH_DELETIONS, around, at_offsets, cuts, logs, small_stored

ANN, BOB, CID = memory_id("ann"), memory_id("bob"), memory_id("cid")
OTHER = {"namespace": "acme/other"}
# Something of everything that a namespace may have.
FULL: list[MemoryEvent] = [
    concept_event("tea", envelope=around(TIME_MS, "tea")),
    concept_event("cup", envelope=around(TIME_MS, "cup")),
    relation_event("tea", "cup", envelope=around(TIME_MS, "in")),
    small_stored(ANN, envelope=around(TIME_MS, "ann"), session="monday: late", concepts=["tea"]),
    small_stored(BOB, envelope=around(TIME_MS, "bob"), session='"'),
    small_stored(CID, envelope=around(TIME_MS, "cid"), concepts=["cup"]),
    accessed_event(ANN, envelope=around(TIME_MS, "used"), context="at home"),
    forgotten_event(BOB, envelope=around(TIME_MS, "forgotten")),
    parameters_event(envelope=around(TIME_MS, "set"), decay_rate=0.4),
    progressed_event(derive("run"), envelope=around(TIME_MS, "run")),
]
DELETED = namespace_deleted_event(envelope=around(TIME_MS, "deleted"))


class DeletionContract:
    """Part of `ProjectionContract`. Subclasses give only the `projection` fixture."""

    async def test_deleted_namespace_is_gone_and_its_neighbour_stays(
        self, projection: ProbedProjection
    ) -> None:
        neighbour = small_stored(ANN, envelope=around(TIME_MS, "neighbour") | OTHER)
        await projection.live_version(0)
        await fold_all(projection, [at_offsets([neighbour, *FULL])], partition=0)

        await fold_all(projection, [at_offsets([DELETED], len(FULL) + 1)], partition=0)

        assert await projection.digest(0, 1) == digest_of_view(fold_log(at_offsets([neighbour])))

    @settings(
        max_examples=15,
        suppress_health_check=[
            HealthCheck.function_scoped_fixture,
            HealthCheck.differing_executors,
        ],
    )
    @given(data=st.data())
    async def test_log_with_deletions_in_any_batches_gives_the_fold_of_the_whole(
        self, projection: ProbedProjection, partitions: Iterator[int], data: st.DataObject
    ) -> None:
        events = at_offsets(data.draw(logs(kinds=WITH_DELETIONS)), data.draw(st.integers(0, 3)))
        batches = [events[cut] for cut in data.draw(cuts(len(events)))]
        partition = next(partitions)
        await projection.live_version(partition)

        await fold_all(projection, batches, partition=partition)

        assert await projection.digest(partition, 1) == digest_of_view(fold_log(events))
