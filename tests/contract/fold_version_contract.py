"""What a projection store must do with builds that another fold has made."""

from services.projection.ports import Outcome
from services.readside.fold_version import FOLD
from tests.builders import TIME_MS, memory_id
from tests.contract.folding import ProbedProjection, fold_into
from tests.sequences import around, at_offsets, small_stored

STORED = at_offsets([small_stored(memory_id("ann"), envelope=around(TIME_MS))])


class FoldVersionContract:
    """Part of `ProjectionContract`. Subclasses give only the `projection` fixture."""

    async def test_build_of_a_newer_fold_takes_nothing(self, projection: ProbedProjection) -> None:
        await projection.live_version(0)
        await projection.made_by(0, 1, FOLD + 1)
        before = await projection.digest(0, 1)

        outcome = await fold_into(projection, STORED, partition=0)

        assert outcome == Outcome("fold", FOLD + 1)
        assert await projection.digest(0, 1) == before

    async def test_build_of_an_earlier_fold_goes_on_until_it_is_replaced(
        self, projection: ProbedProjection
    ) -> None:
        await projection.live_version(0)
        await projection.made_by(0, 1, FOLD - 1)

        outcome = await fold_into(projection, STORED, partition=0)

        assert outcome == Outcome("applied", 1)
