"""Phase 1, replay: rehearse recent memories by how much they are needed and what they gain."""

import asyncio
import hashlib

import numpy as np

from cognition.base_level import FloatArray, IntArray
from cognition.consolidation import replay_keys, replay_priority
from schemas.jobs import ConsolidationJob
from services.maintenance.domain import rehearsed_event
from services.maintenance.episodes import FACT, SKILL, Gathered
from services.maintenance.work import Work

# A fact covers a memory that it is this similar to, and what is known already gains little.
COVERED_COSINE, COVERED_NOVELTY = 0.6, 0.2
SALIENT = 0.2
# One in five comes from the old ones: else what is new would overwrite them.
OLD_SHARE = 0.2
# Of those that are neither salient nor contradicted at most half: all of them would be none.
PLAIN_SHARE = 0.5
ROWS_AT_ONCE = 512


async def replay(work: Work, job: ConsolidationJob, gathered: Gathered) -> int:
    """Rehearse the drawn; how many they are."""
    seed = str(work.run.run_id)
    # In a thread, as all that computes for long: searches share this process and its event loop.
    rows = await asyncio.to_thread(drawn, gathered, job, now_ms=work.run.now_ms, seed=seed)
    await work.emit([rehearsed_event(work.run, gathered.ids[i]) for i in rows])
    return len(rows)


def drawn(gathered: Gathered, job: ConsolidationJob, *, now_ms: int, seed: str) -> list[int]:
    """Rows to rehearse: a draw without replacement, the same for the same run."""
    episodes = gathered.of_type(FACT, SKILL, but=True)
    episodes = episodes[~gathered.faded[episodes]]
    if len(episodes) == 0 or job.replays_max == 0:
        return []
    recent = gathered.recent(now_ms - round(1000 * job.window_seconds))
    new, old = episodes[recent[episodes]], episodes[~recent[episodes]]
    keys = _keys(gathered, episodes, seed)
    best = np.full(len(gathered), -np.inf)
    best[episodes] = keys
    marked = new[_marked(gathered, new)]
    plain = np.setdiff1d(new, marked)
    from_new = min(len(marked) + round(PLAIN_SHARE * len(plain)), job.replays_max)
    from_old = min(len(old), round(OLD_SHARE * from_new / (1 - OLD_SHARE)))
    from_new = min(from_new, job.replays_max - from_old)
    # What moved us, or was contradicted, comes before what was merely said.
    ranked = [*_by(best, marked), *_by(best, plain)]
    return [*ranked[:from_new], *_by(best, old)[:from_old]]


def _keys(gathered: Gathered, rows: IntArray, seed: str) -> FloatArray:
    facts = gathered.of_type(FACT)
    covered = _highest(gathered.vectors[rows], gathered.vectors[facts]) >= COVERED_COSINE
    priorities = replay_priority(
        gathered.levels[rows],
        novelty=np.where(covered, COVERED_NOVELTY, 1.0),
        surprise=_surprise(gathered, rows),
        conflict=(gathered.states["superseded_ms"][rows] > 0).astype(np.float64),
        emotion=np.clip(intensity(gathered.states)[rows], 0.0, 1.0),
    )
    return replay_keys(np.maximum(priorities, 1e-12), _uniforms(gathered, rows, seed))


def intensity(states: np.ndarray) -> FloatArray:
    """I: how much each memory moved us, -1 to 2."""
    arousal = np.clip((states["arousal"] - 0.3) / 0.7, 0.0, 1.0)
    moved: FloatArray = arousal + np.clip((states["salience"] - 0.5) / 0.5, -1.0, 1.0)
    return moved


def _marked(gathered: Gathered, rows: IntArray) -> np.ndarray:
    moved = intensity(gathered.states)[rows] > SALIENT
    marked: np.ndarray = moved | (gathered.states["superseded_ms"][rows] > 0)
    return marked


def _surprise(gathered: Gathered, rows: IntArray) -> FloatArray:
    """1 - the highest cosine to an older memory."""
    created = gathered.states["created_ms"]
    surprise = np.ones(len(rows))
    for start in range(0, len(rows), ROWS_AT_ONCE):
        some = rows[start : start + ROWS_AT_ONCE]
        cosines = gathered.vectors[some] @ gathered.vectors.T
        older = created[None, :] < created[some][:, None]
        highest = np.where(older, cosines, 0.0).max(axis=1, initial=0.0)
        surprise[start : start + len(some)] = 1.0 - np.clip(highest, 0.0, 1.0)
    return surprise


def _highest(vectors: np.ndarray, others: np.ndarray) -> FloatArray:
    if len(others) == 0 or len(vectors) == 0:
        return np.full(len(vectors), -1.0)
    highest: FloatArray = (vectors @ others.T).max(axis=1).astype(np.float64)
    return highest


def _uniforms(gathered: Gathered, rows: IntArray, seed: str) -> FloatArray:
    hashes = [
        hashlib.blake2b(gathered.ids[i].encode(), digest_size=8, key=seed.encode()).digest()
        for i in rows.tolist()
    ]
    uniforms: FloatArray = (
        np.frombuffer(b"".join(hashes), "<u8").astype(np.float64) + 0.5
    ) / 2.0**64
    return np.clip(uniforms, 1e-12, 1 - 1e-12)


def _by(keys: FloatArray, rows: IntArray) -> list[int]:
    return [int(i) for i in sorted(rows.tolist(), key=lambda i: (-keys[i], i))]
