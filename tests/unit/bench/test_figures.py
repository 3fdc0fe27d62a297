"""Percentiles, ratios to bounds, medians over rounds, aims."""

import math

import pytest

from bench.aims import AIMS
from bench.figures import (
    Ratio,
    Sample,
    aims_of,
    bound_of,
    ceiling_of,
    joined,
    others_share,
    over_rounds,
    percentile,
    ratio_of,
)
from bench.rows import ROWS, Row


def duration(ms: float) -> Sample:
    return Sample(count=3, seconds=3 * ms / 1000, durations_ms=[ms, ms, ms])


def rate(per_second: float) -> Sample:
    return Sample(count=100, seconds=100 / per_second)


def search(**fields: object) -> Row:
    described = {"key": "search", "explanation": "", "kind": "search", "count": 1}
    return Row(**(described | fields))  # type: ignore[arg-type] # what each test is about


@pytest.mark.parametrize(
    ("percent", "expected"), [(0, 1.0), (50, 101.0), (95, 191.0), (100, 201.0)]
)
def test_percentile_is_the_value_that_so_many_do_not_exceed(
    percent: float, expected: float
) -> None:
    values = [float(number) for number in range(201, 0, -1)]

    assert percentile(values, percent) == expected


def test_percentile_between_two_values_is_interpolated() -> None:
    assert percentile([1.0, 2.0], 50) == 1.5


def test_percentile_of_nothing_is_not_a_number() -> None:
    assert math.isnan(percentile([], 50))


def test_rate_is_count_by_time() -> None:
    assert Sample(count=50, seconds=0.5).figure("per_second") == 100.0


def test_turns_are_joined_to_one_sample() -> None:
    first = Sample(1, 0.5, durations_ms=[1.0], used={"redis": 0.1}, errors=1)
    second = Sample(2, 1.5, durations_ms=[2.0, 3.0], used={"redis": 0.2}, errors=2)

    both = joined([first, second])

    assert (both.count, both.seconds, both.durations_ms) == (3, 2.0, [1.0, 2.0, 3.0])
    assert both.used == pytest.approx({"redis": 0.3})
    assert both.errors == 3


def test_one_bad_round_does_not_move_the_median() -> None:
    rounds = [duration(4.0), duration(5.0), duration(500.0)]

    assert over_rounds(rounds, "p50_ms") == 5.0


def test_bound_of_a_duration_is_the_sum_of_its_parts() -> None:
    row = search(bounds=("knn", "ping"))

    assert bound_of(row, {"knn": duration(1.0), "ping": duration(2.5)}) == pytest.approx(3.5)


def test_bound_of_a_rate_is_the_slowest_of_its_parts() -> None:
    row = search(in_flight=16, bounds=("knn", "ping"))

    assert bound_of(row, {"knn": rate(900), "ping": rate(400)}) == pytest.approx(400)


def test_ratio_is_taken_round_by_round() -> None:
    row = search(bounds=("ping",))
    # Everything took three times as long in the second round: the ratio is the same.
    rounds = [
        {"search": duration(4.0), "ping": duration(2.0)},
        {"search": duration(12.0), "ping": duration(6.0)},
        {"search": duration(6.0), "ping": duration(2.0)},
    ]

    assert ratio_of(row, rounds) == Ratio(median=2.0, least=2.0, most=3.0)


def test_ratio_of_a_rate_is_its_share_of_the_bound() -> None:
    row = search(in_flight=16, bounds=("embed",))

    ratio = ratio_of(row, [{"search": rate(80), "embed": rate(100)}])

    assert ratio.median == pytest.approx(0.8)


def test_ceiling_is_what_the_processors_could_do_of_the_parts() -> None:
    row = search(in_flight=16, bounds=("embed",), parts=("embed", "ping"))
    embed = Sample(count=100, seconds=1, used={"client": 0.3, "machine": 9.0})
    ping = Sample(count=100, seconds=1, used={"client": 0.05, "services": 0.04, "kafka": 0.01})

    # 3 ms and 1 ms of two processors.
    assert ceiling_of(row, [{"embed": embed, "ping": ping}], 2) == pytest.approx(500)


def test_others_are_what_the_machine_worked_beyond_our_processes() -> None:
    used = {"client": 1.0, "services": 2.0, "kafka": 0.5, "redis": 0.5, "machine": 6.0}
    sample = Sample(count=1, seconds=4, used={**used, "wall": 4.0})

    assert others_share([{"search": sample}], 2) == pytest.approx(0.25)


def test_others_are_unknown_where_kafka_runs_elsewhere() -> None:
    sample = Sample(count=1, seconds=4, used={"client": 1.0, "machine": 6.0, "wall": 4.0})

    assert others_share([{"search": sample}], 2) is None


def test_durations_shall_be_short_and_rates_high() -> None:
    # Every request takes 1 ms, so all rates are 1,000 a second.
    samples = {row.key: duration(1.0) for row in ROWS}

    reached = {each["row"]: each["reached"] for each in aims_of(ROWS, [samples])}

    assert set(reached) == {aim.row for aim in AIMS}
    assert reached["search-cached-1"], "1 ms is at most 6 ms"
    assert reached["search-live-1"], "1 ms is less than its bounds of 1 ms together"
    assert reached["stores-at-once"], "as fast as its bound"
    assert not reached["store-cached-64"], "1,000 are not 5,000 a second"


def test_aim_for_a_ratio_is_held_against_the_ratio() -> None:
    samples = {row.key: duration(1.0) for row in ROWS}
    samples["search-live-1"] = duration(5.0)

    aims = {each["row"]: each for each in aims_of(ROWS, [samples])}

    assert aims["search-live-1"]["value"] == pytest.approx(5 / 3)
    assert not aims["search-live-1"]["reached"]


def test_aim_over_another_row_is_held_against_the_difference_within_each_round() -> None:
    # The machine is twice as slow in the second round, and slow for other reasons in the third.
    rounds = []
    for cosine, all_that_ranks in [(5.0, 6.5), (10.0, 13.0), (12.0, 14.0)]:
        samples = {row.key: duration(1.0) for row in ROWS}
        samples["search-large-cosine"] = duration(cosine)
        samples["search-large"] = duration(all_that_ranks)
        rounds.append(samples)

    aims = {each["row"]: each for each in aims_of(ROWS, rounds)}

    assert aims["search-large"]["value"] == pytest.approx(2.0)
    assert aims["search-large"]["reached"]


def test_errors_of_all_rounds_count_against_their_aim() -> None:
    rounds = [{row.key: duration(1.0) for row in ROWS} for _ in range(3)]
    rounds[1]["store-http-64"] = Sample(count=64, seconds=1, durations_ms=[1.0], errors=1)

    aims = {each["row"]: each for each in aims_of(ROWS, rounds)}

    assert aims["store-http-64"]["value"] == 1
    assert not aims["store-http-64"]["reached"]
    assert aims["search-http-64"]["reached"]


def test_search_that_takes_longer_than_allowed_over_cosine_misses_its_aim() -> None:
    samples = {row.key: duration(1.0) for row in ROWS}
    samples["search-large"] = duration(4.5)

    aims = {each["row"]: each for each in aims_of(ROWS, [samples])}

    assert not aims["search-large"]["reached"]
