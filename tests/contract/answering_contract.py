"""What every projection store must do before queries are answered, and when it has fallen back."""

from tests.contract.folding import ProbedProjection, fold_all
from tests.contract.projection_contract import accessed, stored
from tests.sequences import at_offsets


class AnsweringContract:
    """When a store lets queries read. Subclasses give only the `projection` fixture."""

    async def test_build_answers_nothing_before_it_is_opened_or_folded_into(
        self, projection: ProbedProjection
    ) -> None:
        for partition in (0, 1):
            await projection.live_version(partition)
        before = [await projection.answers(partition) for partition in (0, 1)]

        await projection.open(0, 1)
        await fold_all(projection, [at_offsets([stored()])], partition=1)
        await projection.open(1, 1)

        assert before == [False, False]
        assert [await projection.answers(partition) for partition in (0, 1)] == [True, True]
        assert [await projection.cursor(partition, 1) for partition in (0, 1)] == [0, 1]

    async def test_queries_wait_until_the_fold_is_where_it_is_expected(
        self, projection: ProbedProjection
    ) -> None:
        events = at_offsets([stored(), accessed(1)])
        await projection.live_version(0)
        await projection.expect(0, 2)
        await projection.open(0, 1)

        answered = []
        for each in events:
            await fold_all(projection, [[each]], partition=0)
            answered.append(await projection.answers(0))

        assert answered == [False, True]

    async def test_indexes_of_a_build_can_be_asked_for_more_than_once(
        self, projection: ProbedProjection
    ) -> None:
        version = await projection.live_version(0)

        await projection.ensure_index(version)
        await projection.ensure_index(version)

        await fold_all(projection, [at_offsets([stored()])], partition=0)
        assert await projection.cursor(0, version) == 1
