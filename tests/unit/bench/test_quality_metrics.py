"""Recall, reciprocal rank and nDCG, by hand."""

from math import log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.quality.metrics import CUT_OFFS, METRICS, values_of

IDS = [f"m{number}" for number in range(30)]


def named(found: list[str], evidence: set[str]) -> dict[str, float]:
    return dict(zip(METRICS, values_of(found, evidence).tolist(), strict=True))


def test_all_evidence_on_top_is_perfect() -> None:
    assert named(IDS, {"m0", "m1", "m2"}) == dict.fromkeys(METRICS, 1.0)


def test_evidence_that_was_not_found_is_worth_nothing() -> None:
    assert named(IDS, {"elsewhere"}) == dict.fromkeys(METRICS, 0.0)
    assert named([], {"m0"}) == dict.fromkeys(METRICS, 0.0)


def test_recall_is_the_share_of_the_evidence_within_the_cut_off() -> None:
    values = named(IDS, {"m4", "m5", "m10", "m25"})

    assert [values[f"recall@{k}"] for k in CUT_OFFS] == [0.25, 0.5, 0.75]


@pytest.mark.parametrize("rank", [1, 2, 7, 30])
def test_reciprocal_rank_is_that_of_the_first_evidence(rank: int) -> None:
    assert named(IDS, {IDS[rank - 1], IDS[-1]})["MRR"] == pytest.approx(1 / rank)


def test_ndcg_discounts_by_rank_and_stops_at_ten() -> None:
    values = named(IDS, {"m1", "m9", "m10"})

    ideal = 1 + 1 / log2(3) + 1 / log2(4)
    assert values["nDCG@10"] == pytest.approx((1 / log2(3) + 1 / log2(11)) / ideal)


def test_ndcg_of_more_evidence_than_places_is_one_when_all_places_hold_some() -> None:
    assert named(IDS, set(IDS[:20]))["nDCG@10"] == pytest.approx(1.0)


@given(st.permutations(IDS), st.sets(st.sampled_from(IDS), min_size=1), st.data())
def test_evidence_moved_to_the_top_never_makes_an_answer_worse(
    found: list[str], evidence: set[str], data: st.DataObject
) -> None:
    raised = data.draw(st.sampled_from(sorted(evidence)))

    better = [raised, *(each for each in found if each != raised)]

    assert (values_of(better, evidence) >= values_of(found, evidence) - 1e-12).all()
