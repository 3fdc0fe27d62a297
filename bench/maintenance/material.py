"""Made-up memories: old ones that are due, and the mix that a consolidation finds things in.

Texts are recombined from the example conversation, vectors made up, all from one seed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.large import vectors_near
from bench.material import Memory
from bench.texts import Conversation, Recombiner
from schemas.fields import Emotion
from schemas.inbox import Store
from services.ingest.domain import indexed_text

Vectors = NDArray[np.float16]
DAY_MS = 86_400_000
HOUR_MS = 3_600_000
TURN_MS = 1_000
# Of old memories there are several layers, recorded two days after one another. One horizon
# (7.25 days) after it was recorded, what was never used is due: at this age of a layer it is, and
# the next one is not.
OLDEST_MS, APART_MS, DUE_AGE_MS = 40 * DAY_MS, 2 * DAY_MS, round(8.5 * DAY_MS)
# Due as well, but not when the last of those layers falls due.
LATER_MS = 15 * DAY_MS

SESSION_TURNS = 20
RECENT_SHARE = 0.1
# Shorter than the window of a consolidation.
RECENT_MS = 5 * HOUR_MS
# What is not recent was recorded long before, and not so long that it is due.
IMPORTED_MS = DAY_MS
# In every second session one of the routines is gone through; then come things said before.
ROUTINES, ROUTINE_STEPS = 5, 4
HABITS = 6
MEMORIES_OF_A_HABIT = 10
# What moved somebody would fade later than the rest.
NEUTRAL = Emotion(valence=0.0, arousal=0.1, salience=0.5)
# Sizes of noise beside a centre of length 1: cosines of about .89 and .70 within a group.
SAME_STEP_NOISE, SAME_HABIT_NOISE = 0.35, 0.65


@dataclass(frozen=True)
class Layer:
    """Memories that were recorded at the same time."""

    memories: list[Memory]
    vectors: Vectors
    recorded_ms: int


class Maker:
    """Makes layers; no two memories have the same text."""

    def __init__(self, conversation: Conversation, queries: Vectors, *, seed: int) -> None:
        """`queries`: what will be searched for; most memories lie near one of them."""
        self._texts = Recombiner(conversation.turns, seed=seed)
        self._speakers = conversation.speakers
        self._queries = queries
        self._random = np.random.default_rng(seed)

    def plain(self, namespace: str, count: int, *, name: str, recorded_ms: int) -> Layer:
        """Memories that have nothing to do with one another, said one after the other."""
        memories = [
            self._memory(namespace, content, f"{name}-{i}", recorded_ms - (count - i) * TURN_MS)
            for i, content in enumerate(self._texts.take(count))
        ]
        return Layer(memories, self._near(count), recorded_ms)

    def mixed(self, namespace: str, count: int, *, now_ms: int) -> list[Layer]:
        """Sessions with routines, habits and what is said once; the last tenth is recent."""
        texts, vectors = self._mix(count)
        recent = round(RECENT_SHARE * count)
        step_ms = RECENT_MS // max(1, recent)
        moments = [now_ms - IMPORTED_MS - (count - i) * TURN_MS for i in range(count - recent)]
        moments += [now_ms - (recent - i) * step_ms for i in range(recent)]
        memories = [
            self._memory(namespace, text, f"mixed-{i}", moment, session=i // SESSION_TURNS)
            for i, (text, moment) in enumerate(zip(texts, moments, strict=True))
        ]
        border = count - recent
        return [
            Layer(memories[:border], vectors[:border], now_ms - IMPORTED_MS),
            Layer(memories[border:], vectors[border:], now_ms),
        ]

    def _mix(self, count: int) -> tuple[list[str], Vectors]:
        habits = max(1, round(count * HABITS / SESSION_TURNS / MEMORIES_OF_A_HABIT))
        steps = ROUTINES * ROUTINE_STEPS
        centres = self._units(habits + steps)
        said = self._texts.take(habits + steps)
        texts, vectors = self._texts.take(count), self._near(count)
        for i, (group, noise) in enumerate(_groups(count, habits, self._random)):
            if group is not None:
                # The same again, in words that differ a little.
                own = texts[i].split()
                texts[i] = " ".join([said[group], *own[:2], *own[-2:]])
                vectors[i] = self._beside(centres[group], noise)
        return texts, vectors

    def _memory(
        self, namespace: str, content: str, key: str, moment_ms: int, *, session: int | None = None
    ) -> Memory:
        store = Store(
            namespace=namespace,
            content=content,
            speaker=self._speakers[len(content) % len(self._speakers)],
            session=None if session is None else f"session-{session}",
            occurred_at=moment_ms,
            idempotency_key=key,
            emotion=NEUTRAL,
        )
        return Memory(store, indexed_text(store, moment_ms))

    def _near(self, count: int) -> Vectors:
        return vectors_near(self._queries, count, seed=int(self._random.integers(2**31)))

    def _units(self, count: int) -> NDArray[np.float32]:
        vectors = self._random.standard_normal((count, self._queries.shape[1]))
        units: NDArray[np.float32] = (
            vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        ).astype(np.float32)
        return units

    def _beside(self, centre: NDArray[np.float32], noise: float) -> Vectors:
        vector = centre + noise * self._random.standard_normal(len(centre)) / np.sqrt(len(centre))
        beside: Vectors = (vector / np.linalg.norm(vector)).astype(np.float16)
        return beside


def _groups(
    count: int, habits: int, random: np.random.Generator
) -> Iterator[tuple[int | None, float]]:
    """The group of each memory, if it has one, and its distance from the group's centre."""
    for i in range(count):
        session, turn = divmod(i, SESSION_TURNS)
        if turn < ROUTINE_STEPS and session % 2 == 0:
            routine = session // 2 % ROUTINES
            yield habits + routine * ROUTINE_STEPS + turn, SAME_STEP_NOISE
        elif ROUTINE_STEPS <= turn < ROUTINE_STEPS + HABITS:
            yield int(random.integers(habits)), SAME_HABIT_NOISE
        else:
            yield None, 0.0


def in_parts(layer: Layer, size: int) -> Iterator[tuple[Sequence[Memory], Vectors]]:
    """A layer bit by bit."""
    for start in range(0, len(layer.memories), size):
        yield layer.memories[start : start + size], layer.vectors[start : start + size]
