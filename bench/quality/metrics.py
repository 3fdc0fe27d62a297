"""Measures of one ranked answer, given the turns that hold the evidence."""

from collections.abc import Collection, Sequence
from math import log2

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

CUT_OFFS = (5, 10, 20)
NDCG_CUT_OFF = 10
METRICS = (*(f"recall@{k}" for k in CUT_OFFS), "MRR", f"nDCG@{NDCG_CUT_OFF}")
MAIN_METRIC = "recall@10"


def values_of(found: Sequence[str], evidence: Collection[str]) -> Values:
    """The values of METRICS for one answer.

    Recall@k is the share of the evidence among the first k, MRR 1 / rank of the first evidence
    found (0 if none), nDCG@10 that of evidence as equal gains against all of it on top.

    Args:
        found: ids, best first, without repeats.
        evidence: ids, at least one.

    >>> values_of(["a", "x", "b", "y", "z", "c"], {"a", "b", "c"}).round(3).tolist()
    [0.667, 1.0, 1.0, 1.0, 0.871]
    """
    wanted = set(evidence)
    assert wanted, "a question without evidence has no right answer"
    ranks = [rank for rank, each in enumerate(found, start=1) if each in wanted]
    recalls = [sum(rank <= k for rank in ranks) / len(wanted) for k in CUT_OFFS]
    reciprocal = 1 / ranks[0] if ranks else 0.0
    gain = sum(_discount(rank) for rank in ranks if rank <= NDCG_CUT_OFF)
    ideal = sum(_discount(rank) for rank in range(1, min(len(wanted), NDCG_CUT_OFF) + 1))
    return np.array([*recalls, reciprocal, gain / ideal])


def _discount(rank: int) -> float:
    return 1 / log2(rank + 1)
