"""The fit of the weights: finds those that made the material, and says what it does not know."""

from pathlib import Path

import numpy as np
import pytest

from bench.quality.fit import FITTED, calibrated, fitted, means, recall, reliability
from bench.quality.material import DAY_MS, Asked
from bench.quality.offline import Features, Namespace
from bench.quality.plot import draw_reliability
from cognition.retrieval import need_probability
from schemas.inbox import Store
from schemas.parameters import Parameters
from tests.builders import TIME_MS

WEIGHTS = np.array([0.5, 4.0, 0.3, 1.0, 2.0, 1.5])
PRIOR = -3.0
MEMORIES = 200


def made(kind: str, seed: int) -> Features:
    """Memories of which each is needed with the odds that the weights give it."""
    random = np.random.default_rng(seed)
    base, meaning, told, speaker, length, time = random.normal(size=(6, MEMORIES))
    odds = np.stack([base, meaning, told, speaker, length, time], axis=1) @ WEIGHTS + PRIOR
    needed = random.random(MEMORIES) < need_probability(odds)
    needed[int(np.argmax(odds))] = True
    evidence = frozenset(map(str, np.flatnonzero(needed)))
    question = Asked(0, "single-hop", "x", evidence, (TIME_MS,))
    return Features(
        kind, question, 0, meaning, told, meaning, told, speaker, length, time, base, needed
    )  # fmt: skip


@pytest.fixture(scope="module")
def material() -> list[Features]:
    """Two kinds of talk that the same weights made."""
    return [made(kind, seed) for seed in range(20) for kind in ("friends", "assistant")]


def test_fit_finds_which_evidence_counts_and_how_much(material: list[Features]) -> None:
    found = fitted(material)

    assert len(found.weights) == len(FITTED)
    assert found.weights / found.weights[1] == pytest.approx(WEIGHTS / WEIGHTS[1], abs=0.15)


def test_calibrated_scores_are_log_odds(material: list[Features]) -> None:
    scores = [(3 * (each.meaning * 4 + 1), each.needed, 1.0) for each in material]

    slope, prior = calibrated(scores)

    claimed = np.concatenate([need_probability(slope * some + prior) for some, _, _ in scores])
    needed = np.concatenate([each.needed for each in material])
    assert claimed.mean() == pytest.approx(needed.mean(), abs=0.005)
    assert slope > 0


def test_recall_counts_the_first_ten_and_nothing_that_is_not_found(
    material: list[Features],
) -> None:
    each = material[0]
    best = np.where(each.needed, 1.0, 0.0)
    nothing = np.full(MEMORIES, -np.inf)

    assert recall(each, best) == pytest.approx(min(1.0, 10 / each.needed.sum()))
    assert recall(each, nothing) == 0.0


def test_each_kind_of_talk_has_a_mean_of_its_own(material: list[Features]) -> None:
    found = means(material, lambda each: each.meaning * (each.kind == "friends"))

    assert set(found) == {"friends", "assistant"}
    assert found["friends"]["pooled"] > found["assistant"]["pooled"]


def test_reliability_counts_every_memory_once(material: list[Features], tmp_path: Path) -> None:
    rows = reliability(material, lambda each: 4 * each.meaning - 3)
    draw_reliability(rows, tmp_path / "plot.png")

    assert sum(row["memories"] for row in rows) == len(material) * MEMORIES
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")


def test_memory_told_after_the_moment_is_not_seen() -> None:
    stores = [
        Store(namespace="n", content=f"Tea {i}.", occurred_at=TIME_MS + i * DAY_MS)
        for i in range(3)
    ]
    vectors = np.eye(3, 4, dtype=np.float16)
    namespace = Namespace(stores, vectors)

    plan = namespace.plan("tea", vectors[0], TIME_MS + DAY_MS)

    assert namespace.seen(plan).rows.tolist() == [0, 1]
    assert namespace.seen(plan).parameters == Parameters()
