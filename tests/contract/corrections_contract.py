"""What a projection store must do with corrections, one batch after the other."""

from services.projection.digest import digest_of_view
from services.projection.fold.fold import fold_log
from tests.builders import TIME_MS, corrected_event, forgotten_event, memory_id
from tests.contract.folding import ProbedProjection, fold_into
from tests.sequences import around, at_offsets, small_stored

ANN, BOB = memory_id("ann"), memory_id("bob")
EVENTS = at_offsets(
    [
        small_stored(ANN, envelope=around(TIME_MS), concepts=["tea"]),
        small_stored(BOB, envelope=around(TIME_MS + 1, "bob"), concepts=["tea", "cup"]),
        corrected_event(ANN, "A cup.", envelope=around(TIME_MS + 2, "cup"), concepts=["cup"]),
        corrected_event(ANN, "A pot.", envelope=around(TIME_MS + 3, "pot"), concepts=["pot"]),
        corrected_event(ANN, envelope=around(TIME_MS + 4, "back"), reversed=True),
        corrected_event(ANN, envelope=around(TIME_MS + 5, "back again"), reversed=True),
        forgotten_event(ANN, envelope=around(TIME_MS + 6, "forgotten")),
    ]
)


class CorrectionsContract:
    """Part of `ProjectionContract`. Subclasses give only the `projection` fixture."""

    async def test_words_and_links_that_others_have_too_count_right_after_each_correction(
        self, projection: ProbedProjection
    ) -> None:
        await projection.live_version(0)

        digests = []
        for event in EVENTS:
            await fold_into(projection, [event], partition=0)
            digests.append(await projection.digest(0, 1))

        expected = [digest_of_view(fold_log(EVENTS[:end])) for end in range(1, len(EVENTS) + 1)]
        assert digests == expected
