"""Phase 4, compile: what is done again and again in the same order becomes a skill."""

import asyncio
import hashlib
from collections import defaultdict
from dataclasses import dataclass
from uuid import UUID

import numpy as np

from cognition.sequences import Pattern, frequent_sequences
from schemas.fields import Source
from schemas.inbox import Store
from schemas.jobs import ConsolidationJob
from services.maintenance.events import rehearsed_event, revived_event
from services.maintenance.similarity import Likeness
from services.maintenance.snapshot import FACT, SKILL, Gathered
from services.maintenance.work import Work
from services.readside.runs import RUN_METADATA

EPISODES_MAX = 2_000
# Two episodes are the same action if they are this similar; what differs is its argument.
SAME_ACTION_COSINE = 0.8
# Two skills that say the same are one, though their words vary.
SAME_SKILL_COSINE = 0.85
SKILLS_MAX = 10
SOURCES_MAX = 100


@dataclass(frozen=True)
class Skill:
    """Steps in words, how many sessions show them, and the rows of episodes they were seen in."""

    steps: tuple[str, ...]
    support: int
    rows: tuple[int, ...]

    @property
    def text(self) -> str:
        """The steps, numbered."""
        return "; ".join(f"{number}. {step}" for number, step in enumerate(self.steps, start=1))

    @property
    def key(self) -> str:
        """The skill of these steps, however often they are seen."""
        steps = "\x1f".join(step.casefold() for step in self.steps)
        return f"skill:{hashlib.sha256(steps.encode()).hexdigest()}"


async def compile_skills(
    work: Work, job: ConsolidationJob, gathered: Gathered
) -> tuple[list[str], int]:
    """Store new skills, strengthen those that were seen again; ids of those, how many of these."""
    new: list[str] = []
    again = 0
    known = [int(i) for i in gathered.of_type(SKILL)]
    likeness = Likeness(work.embedder)
    await likeness.learn([gathered.documents[row].content for row in known])
    for skill in await asyncio.to_thread(skills_of, gathered, job):
        work.check()
        nearest, cosine = await likeness.nearest(skill.text)
        if cosine < SAME_SKILL_COSINE:
            there = await work.stored(skill.key)
            if there is not None and there.content is None:
                await likeness.learn([skill.text])
                continue
            if there is None:
                result, position = await work.log.ask(_store(work, gathered, skill))
                work.position = position or work.position
            await likeness.learn([skill.text])
            new.append(there.memory_id if there else result["memory_id"])
        elif nearest < len(known) and _adds_to(gathered, known[nearest], skill):
            event = revived_event if gathered.faded[known[nearest]] else rehearsed_event
            await work.emit([event(work.run, gathered.ids[known[nearest]])])
            again += 1
    return new, again


def _adds_to(gathered: Gathered, known: int, skill: Skill) -> bool:
    """Only a session that the skill does not come of is new evidence for it."""
    document = gathered.documents[known]
    sources = {source["memory_id"] for source in document.derived_from}
    return any(
        gathered.ids[row] not in sources and gathered.is_new_to(row, known) for row in skill.rows
    )


def skills_of(gathered: Gathered, job: ConsolidationJob) -> list[Skill]:
    """Sequences that several sessions show, the most useful first."""
    sessions = _sessions(gathered)
    symbols = _symbols(gathered, [row for rows in sessions for row in rows])
    sequences = [[symbols[row] for row in rows] for rows in sessions]
    patterns = frequent_sequences(sequences, support_min=job.support_min)
    useful = [pattern for pattern in patterns if pattern.worth > 0 and len(set(pattern.steps)) > 1]
    return [_skill(gathered, sessions, pattern) for pattern in useful[:SKILLS_MAX]]


def _store(work: Work, gathered: Gathered, skill: Skill) -> Store:
    return Store(
        namespace=work.run.namespace,
        idempotency_key=skill.key,
        occurred_at=work.run.now_ms,
        content=skill.text,
        memory_type=SKILL,
        tags=["compiled"],
        metadata={
            RUN_METADATA: str(work.run.run_id),
            "steps": list(skill.steps),
            "support": skill.support,
        },
        derived_from=[
            Source(memory_id=UUID(gathered.ids[row])) for row in skill.rows[:SOURCES_MAX]
        ],
    )


def _sessions(gathered: Gathered) -> list[list[int]]:
    """Episodes by session, in the order in which they happened; the newest of them."""
    states = gathered.states
    rows = [
        int(i) for i in gathered.of_type(FACT, SKILL, but=True) if gathered.documents[i].session
    ]
    rows.sort(key=lambda i: (int(states["created_ms"][i]), int(states["offset"][i])))
    sessions: defaultdict[str, list[int]] = defaultdict(list)
    for row in rows[-EPISODES_MAX:]:
        sessions[gathered.documents[row].session or ""].append(row)
    return [sessions[name] for name in sorted(sessions)]


def _symbols(gathered: Gathered, rows: list[int]) -> dict[int, int]:
    """The action of each episode: that of the first episode that it is similar enough to."""
    symbols: dict[int, int] = {}
    leaders = np.zeros((len(rows), gathered.vectors.shape[1]), np.float32)
    count = 0
    for row in rows:
        cosines = leaders[:count] @ gathered.vectors[row]
        if count and cosines.max() >= SAME_ACTION_COSINE:
            symbols[row] = int(cosines.argmax())
        else:
            leaders[count] = gathered.vectors[row]
            symbols[row] = count
            count += 1
    return symbols


def _skill(gathered: Gathered, sessions: list[list[int]], pattern: Pattern) -> Skill:
    occurrences = [
        [sessions[number][place] for place in places] for number, places in pattern.places
    ]
    steps = [
        _generalised([gathered.documents[occurrence[at]].content for occurrence in occurrences])
        for at in range(len(pattern.steps))
    ]
    rows = dict.fromkeys(row for occurrence in occurrences for row in occurrence)
    return Skill(tuple(steps), pattern.support, tuple(rows))


def _generalised(texts: list[str]) -> str:
    """One text for all: where they differ word by word, a variable; else the shortest of them.

    >>> _generalised(["open the red file", "open the blue file"])
    'open the <1> file'
    """
    split = [text.split() for text in texts]
    if len({len(words) for words in split}) != 1:
        return min(texts, key=lambda text: (len(text), text))
    merged: list[str] = []
    variables = 0
    for position in zip(*split, strict=True):
        if len({word.casefold() for word in position}) == 1:
            merged.append(position[0])
        else:
            variables += 1
            merged.append(f"<{variables}>")
    if 2 * variables > len(merged):
        return min(texts, key=lambda text: (len(text), text))
    return " ".join(merged)
