"""The feedback loop: what happens to the ranking when answers strengthen what they returned.

Questions are asked one an hour, and each answer is credited before the next is asked. Crediting
all that was returned makes the popular more popular, whether it was of use or not; this measures
how much, through the real fold. Searches here run as of simulated times, so the accesses they
would have recorded are appended to the log as the service would do it.
"""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import numpy as np

from bench.quality.asking import TIMEOUT_SECONDS, Advance, Keys, search_of
from bench.quality.material import HOUR_MS, LATE_MS, Asked, Loaded
from bench.quality.metrics import METRICS, Values, values_of
from human_memory.bus.bus import Bus
from schemas.events import AccessedData, AccessedMemory, AccessKind, MemoryAccessed
from schemas.ids import derive, event_id
from schemas.parameters import ParameterOverrides
from services.common.event_log import EventAppender

SOURCE = "/human-memory/bench"
CREDITED = 5
Found = list[tuple[str, str]]  # memory id and key, best first


@dataclass(frozen=True)
class Credit:
    """The memories that an answer strengthens: of the first CREDITED all, or the useful ones."""

    explanation: str
    kind: AccessKind | None
    only_used: bool = False


CREDITS = {
    "none": Credit("nothing", None),
    "search": Credit("all returned, with the weight of a search (the default)", "search"),
    "used": Credit("those that hold evidence, with the full weight of a use", "used", True),
    "everything": Credit("all returned, with the full weight of a recall", "recall"),
}


def copies(dialogues: Sequence[Loaded]) -> dict[str, list[Loaded]]:
    """The dialogues once for each kind of credit, in namespaces of their own."""
    return {
        name: [_in_namespace(dialogue, f"{dialogue.namespace}/{name}") for dialogue in dialogues]
        for name in CREDITS
    }


def _in_namespace(dialogue: Loaded, namespace: str) -> Loaded:
    stores = [each.model_copy(update={"namespace": namespace}) for each in dialogue.stores]
    return replace(dialogue, namespace=namespace, stores=stores)


def schedule(questions: Sequence[Asked], dialogue: int, *, seed: int) -> list[Asked]:
    """The questions of a dialogue in the order in which they are asked."""
    chosen = [each for each in questions if each.dialogue == dialogue and not each.is_adversarial]
    random.Random(seed).shuffle(chosen)
    return chosen


def credited(credit: Credit, found: Found, evidence: frozenset[str]) -> list[str]:
    """Ids of the memories that an answer strengthens."""
    if credit.kind is None:
        return []
    return [
        memory_id for memory_id, key in found[:CREDITED] if not credit.only_used or key in evidence
    ]


class Loop:
    """Asks the questions of one dialogue after the other, each answer credited."""

    def __init__(self, bus: Bus, log: EventAppender, keys: Keys, advance: Advance) -> None:
        self._bus = bus
        self._log = log
        self._keys = keys
        self._advance = advance

    async def run(
        self, dialogues: dict[str, list[Loaded]], schedules: list[list[Asked]]
    ) -> dict[str, Values]:
        """The values of each kind of credit, shape (questions, metrics), in the order asked."""
        async with asyncio.TaskGroup() as group:
            tasks = {
                name: [
                    group.create_task(self._dialogue(each, plan, CREDITS[name]))
                    for each, plan in zip(dialogues[name], schedules, strict=True)
                ]
                for name in dialogues
            }
        return {
            name: np.concatenate([task.result() for task in some]) for name, some in tasks.items()
        }

    async def _dialogue(self, dialogue: Loaded, plan: list[Asked], credit: Credit) -> Values:
        values = np.zeros((len(plan), len(METRICS)))
        after: str | None = None
        for hour, question in enumerate(plan):
            at_ms = dialogue.ends_ms + LATE_MS + hour * HOUR_MS
            search = search_of(dialogue.namespace, question.text, at_ms, ParameterOverrides())
            result = await self._bus.ask(
                search.model_copy(update={"after": after}), timeout_seconds=TIMEOUT_SECONDS
            )
            found = self._found(dialogue.namespace, result)
            values[hour] = values_of([key for _, key in found], question.evidence)
            after = (
                await self._strengthen(
                    dialogue.namespace, at_ms, credit, credited(credit, found, question.evidence)
                )
                or after
            )
            self._advance()
        return values

    def _found(self, namespace: str, result: dict[str, Any]) -> Found:
        keys = self._keys[namespace]
        ids = [str(each["memory_id"]) for each in result["results"]]
        return [(each, keys[each]) for each in ids]

    async def _strengthen(
        self, namespace: str, at_ms: int, credit: Credit, ids: list[str]
    ) -> str | None:
        if credit.kind is None or not ids:
            return None
        cause = derive(namespace, at_ms)
        event = MemoryAccessed(
            id=event_id(cause, "memory.accessed.v1"),
            source=SOURCE,
            subject=str(cause),
            time=at_ms,
            namespace=namespace,
            data=AccessedData(
                accesses=[AccessedMemory(memory_id=UUID(each), kind=credit.kind) for each in ids]
            ),
        )
        return (await self._log.append([event]))[-1]


def figures_of(values: dict[str, Values]) -> dict[str, dict[str, float]]:
    """By credit and metric: the mean over all questions."""
    return {
        name: dict(zip(METRICS, map(float, each.mean(axis=0)), strict=True))
        for name, each in values.items()
    }
