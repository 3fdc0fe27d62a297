"""Which memories are rehearsed: those with the highest keys, though few are worked out."""

from uuid import UUID

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cognition.consolidation import replay_keys, replay_priority
from schemas.jobs import ConsolidationJob
from services.maintenance.jobs import replaying
from services.maintenance.jobs.replaying import COVERED_COSINE, COVERED_NOVELTY, drawn
from services.maintenance.snapshot import FACT, Gathered
from services.readside.documents import Document
from services.readside.layout import STATE
from tests.unit.services.maintenance.living import HOUR_MS, START_MS

SEED = "run"
DIMENSION = 8


def document(memory_type: str) -> Document:
    """What is said of no matter."""
    return Document("", memory_type, START_MS, [], None, None, [], [], None, {}, [])


def lived(
    count: int, *, seed: int = 0, alike: float = 0.0, arousal: float = 0.0, old: bool = False
) -> Gathered:
    """So many memories, a tenth of them facts; `alike`, 0 to 1: how much all of them say the same.

    All of the last hour, or else of days ago.
    """
    chance = np.random.default_rng(seed)
    vectors = chance.standard_normal((count, DIMENSION)).astype(np.float32)
    vectors += np.float32(100 * alike)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    states = np.zeros(count, STATE)
    # Some at the same moment: none of those is older than the other.
    states["created_ms"] = START_MS - chance.integers(0, 1 + count // 2, count)
    states["created_ms"] -= 100 * HOUR_MS if old else 0
    states["arousal"], states["salience"] = arousal, 0.5
    states["superseded_ms"] = chance.random(count) < 0.1
    types = [FACT if i % 10 == 0 else "episodic" for i in range(count)]
    return Gathered(
        [str(UUID(int=i)) for i in range(count)],
        states,
        vectors,
        levels=chance.standard_normal(count),
        documents=[document(each) for each in types],
        faded=np.zeros(count, bool),
        learnt_ms=np.zeros(count),
        now_ms=START_MS,
    )


def draw(gathered: Gathered, wanted: np.ndarray, *, replays_max: int = 50) -> list[int]:
    """Rows that are drawn of the wanted."""
    job = ConsolidationJob(replays_max=replays_max)
    return drawn(gathered, job, wanted, now_ms=START_MS + 1, seed=SEED)


def by_all_keys(gathered: Gathered, rows: list[int]) -> list[int]:
    """Rows in the order of their keys, each compared with all others."""
    created, facts = gathered.states["created_ms"], gathered.of_type(FACT)
    keys = {}
    for row in rows:
        cosines = gathered.vectors @ gathered.vectors[row]
        older = cosines[created < created[row]]
        covered = cosines[facts].max(initial=-1.0) >= COVERED_COSINE
        priority = replay_priority(
            gathered.levels[[row]],
            novelty=np.array([COVERED_NOVELTY if covered else 1.0]),
            surprise=np.array([1.0 - np.clip(older.max(initial=0.0), 0.0, 1.0)], np.float64),
            conflict=np.array([float(gathered.states["superseded_ms"][row] > 0)]),
            emotion=np.clip(replaying.intensity(gathered.states[[row]]), 0.0, 1.0),
        )
        uniform = replaying._uniforms(gathered, np.array([row]), SEED)
        keys[row] = float(replay_keys(np.maximum(priority, 1e-12), uniform)[0])
    return sorted(rows, key=lambda row: (-keys[row], row))


# The same examples each time: two keys that differ by rounding alone might change places.
@settings(max_examples=25, derandomize=True)
@given(
    st.integers(1, 900), st.integers(1, 60), st.integers(0, 9), st.sampled_from([0.0, 0.005, 1.0])
)
def test_drawn_are_those_with_the_highest_keys_of_all(
    count: int, replays_max: int, seed: int, alike: float
) -> None:
    gathered = lived(count, seed=seed, alike=alike)
    episodes = gathered.of_type(FACT, but=True)
    marked = [int(i) for i in episodes if gathered.states["superseded_ms"][i] > 0]
    needed = [int(i) for i in episodes if i % 3 == 0 and i not in marked]
    wanted = replaying._wanted(gathered, range(0, count, 3))

    found = draw(gathered, wanted, replays_max=replays_max)

    ranked = by_all_keys(gathered, marked) + by_all_keys(gathered, needed)
    assert found == ranked[:replays_max]


@given(st.integers(1, 200), st.integers(0, 60), st.integers(0, 9), st.booleans(), st.floats(0, 0.3))
def test_nothing_is_drawn_without_a_reason_nor_more_than_asked_for(
    count: int, replays_max: int, seed: int, old: bool, share: float
) -> None:
    gathered = lived(count, seed=seed, old=old)
    chance = np.random.default_rng(seed)
    gathered.states["use"] = np.where(chance.random(count) < share, 2.0, 1.02)
    gathered.states["created_ms"][: count // 2] = START_MS
    gathered.faded[:] = chance.random(count) < share
    repeated = set(np.flatnonzero(chance.random(count) < share).tolist())

    found = draw(gathered, replaying._wanted(gathered, repeated), replays_max=replays_max)

    used, superseded = gathered.states["use"] == 2.0, gathered.states["superseded_ms"] > 0
    assert len(found) == len(set(found)) <= replays_max
    assert all(used[i] or superseded[i] or i in repeated for i in found)
    assert not gathered.faded[found].any()
    assert not any(gathered.documents[i].memory_type == FACT for i in found)


@pytest.mark.parametrize("alike", [0.0, 0.005, 1.0])
@pytest.mark.parametrize("arousal", [0.0, 0.9])
def test_few_more_are_compared_with_all_others_than_are_drawn(
    monkeypatch: pytest.MonkeyPatch, alike: float, arousal: float
) -> None:
    gathered = lived(5_000, alike=alike, arousal=arousal)
    compared: list[int] = []
    news = replaying._news

    def counting(gathered: Gathered, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        compared.extend(rows.tolist())
        return news(gathered, rows)

    monkeypatch.setattr(replaying, "_news", counting)

    found = draw(gathered, np.ones(5_000, bool), replays_max=50)

    assert len(found) == 50
    assert len(compared) <= 3 * replaying.ROWS_AT_ONCE


def test_nothing_old_or_new_is_drawn_where_nothing_may_be() -> None:
    assert draw(lived(20, old=True), np.ones(20, bool)) == []
    assert draw(lived(20), np.ones(20, bool), replays_max=0) == []
