"""Phase 1, replay: rehearse what is salient, contradicted or needed, and nothing else.

A rehearsal raises a memory, and spares it the downscaling. If what was merely said got one, sleep
would leave it stronger than before, and all of it would be none.
"""

import asyncio
import hashlib
from collections.abc import Collection

import numpy as np

from cognition.base_level import FloatArray, IntArray
from cognition.consolidation import replay_keys, replay_priority
from schemas.jobs import ConsolidationJob
from services.maintenance.events import rehearsed_event
from services.maintenance.snapshot import FACT, SKILL, Gathered
from services.maintenance.work import Work

# A fact covers a memory that it is this similar to, and what is known already gains little.
COVERED_COSINE, COVERED_NOVELTY = 0.6, 0.2
SALIENT = 0.2
# One in five comes from the old ones: else what is new would overwrite them.
OLD_SHARE = 0.2
# Needed is what was used again, by as much as one recall; a search that found it adds little.
NEEDED_USE = 2.0
ROWS_AT_ONCE = 256
# What two computations of the same key may differ by.
KEY_ERROR = 1e-9


async def replay(
    work: Work, job: ConsolidationJob, gathered: Gathered, repeated: Collection[int]
) -> int:
    """Rehearse the drawn; how many they are. `repeated`: one for each thing said repeatedly."""
    wanted = _wanted(gathered, repeated)
    # In a thread, as all that computes for long: searches share this process and its event loop.
    rows = await asyncio.to_thread(
        drawn, gathered, job, wanted, now_ms=work.run.now_ms, seed=str(work.run.run_id)
    )
    await work.emit([rehearsed_event(work.run, gathered.ids[i]) for i in rows])
    return len(rows)


def drawn(
    gathered: Gathered, job: ConsolidationJob, wanted: np.ndarray, *, now_ms: int, seed: str
) -> list[int]:
    """Rows to rehearse: a draw without replacement, the same for the same run.

    `wanted`: a mask of those that there is a reason to rehearse.
    """
    episodes = gathered.of_type(FACT, SKILL, but=True)
    episodes = episodes[wanted[episodes] & ~gathered.faded[episodes]]
    recent = gathered.recent(now_ms - round(1000 * job.window_seconds))
    new, old = episodes[recent[episodes]], episodes[~recent[episodes]]
    from_new = min(len(new), job.replays_max)
    from_old = min(len(old), round(OLD_SHARE * from_new / (1 - OLD_SHARE)))
    from_new = min(from_new, job.replays_max - from_old)
    # What moved us, or was contradicted, comes before what is needed.
    marked = new[_marked(gathered)[new]]
    from_marked = min(from_new, len(marked))
    return [
        *_first(gathered, marked, from_marked, seed=seed),
        *_first(gathered, np.setdiff1d(new, marked), from_new - from_marked, seed=seed),
        *_first(gathered, old, from_old, seed=seed),
    ]


def _first(gathered: Gathered, rows: IntArray, count: int, *, seed: str) -> list[int]:
    """The rows with the highest keys, the highest first.

    How new a memory is takes a comparison with all others, 20,000 at most. So it is worked out in
    the order of the keys that all would have if they were wholly new, and only until nothing that
    is left can have as high a key as those found: of few more than are drawn.
    """
    if count == 0:
        return []
    wholly_new = np.ones(len(rows)), np.ones(len(rows))
    at_most = _keys(gathered, rows, seed=seed, news=wholly_new)
    order = np.lexsort((rows, -at_most))
    found: list[tuple[float, int]] = []
    for start in range(0, len(rows), ROWS_AT_ONCE):
        if start >= count and -found[count - 1][0] > at_most[order[start]] + KEY_ERROR:
            break
        some = rows[order[start : start + ROWS_AT_ONCE]]
        keys = _keys(gathered, some, seed=seed, news=_news(gathered, some))
        found = sorted([*found, *zip((-keys).tolist(), some.tolist(), strict=True)])
    return [row for _, row in found[:count]]


def _keys(
    gathered: Gathered, rows: IntArray, *, seed: str, news: tuple[FloatArray, FloatArray]
) -> FloatArray:
    novelty, surprise = news
    priorities = replay_priority(
        gathered.levels[rows],
        novelty=novelty,
        surprise=surprise,
        conflict=(gathered.states["superseded_ms"][rows] > 0).astype(np.float64),
        emotion=np.clip(intensity(gathered.states)[rows], 0.0, 1.0),
    )
    return replay_keys(np.maximum(priorities, 1e-12), _uniforms(gathered, rows, seed))


def intensity(states: np.ndarray) -> FloatArray:
    """I: how much each memory moved us, -1 to 2."""
    arousal = np.clip((states["arousal"] - 0.3) / 0.7, 0.0, 1.0)
    moved: FloatArray = arousal + np.clip((states["salience"] - 0.5) / 0.5, -1.0, 1.0)
    return moved


def _wanted(gathered: Gathered, repeated: Collection[int]) -> np.ndarray:
    """A mask of what is salient, contradicted, used again, or stands for what is repeated."""
    wanted = _marked(gathered) | (gathered.states["use"] >= NEEDED_USE)
    wanted[list(repeated)] = True
    return wanted


def _marked(gathered: Gathered) -> np.ndarray:
    """A mask of what is salient or contradicted."""
    moved = intensity(gathered.states) > SALIENT
    marked: np.ndarray = moved | (gathered.states["superseded_ms"] > 0)
    return marked


def _news(gathered: Gathered, rows: IntArray) -> tuple[FloatArray, FloatArray]:
    """Novelty: whether a fact covers each. Surprise: 1 - the highest cosine to an older memory."""
    created = gathered.states["created_ms"]
    cosines = gathered.vectors[rows] @ gathered.vectors.T
    facts = gathered.of_type(FACT)
    covered = cosines[:, facts].max(axis=1, initial=-1.0) >= COVERED_COSINE
    cosines[created[None, :] >= created[rows][:, None]] = 0.0
    highest = cosines.max(axis=1, initial=0.0).astype(np.float64)
    return np.where(covered, COVERED_NOVELTY, 1.0), 1.0 - np.clip(highest, 0.0, 1.0)


def _uniforms(gathered: Gathered, rows: IntArray, seed: str) -> FloatArray:
    hashes = [
        hashlib.blake2b(gathered.ids[i].encode(), digest_size=8, key=seed.encode()).digest()
        for i in rows.tolist()
    ]
    uniforms: FloatArray = (
        np.frombuffer(b"".join(hashes), "<u8").astype(np.float64) + 0.5
    ) / 2.0**64
    return np.clip(uniforms, 1e-12, 1 - 1e-12)
