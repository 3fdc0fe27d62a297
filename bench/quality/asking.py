"""Stores and asks through the bus, as any client would."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from bench.quality.material import MOMENTS, Asked, Loaded
from bench.quality.metrics import METRICS, Values, values_of
from human_memory.bus.bus import Bus
from human_memory.conversation import last_position, publish
from schemas.parameters import ParameterOverrides
from schemas.queries import Ping, Search

IN_FLIGHT = 16
TIMEOUT_SECONDS = 300.0
# The metrics look at 20; a first hit beyond 50 is worth less than .02 of reciprocal rank. Answers
# of 100 take half as long again.
TOP_K = 50
# Below any activation: what is measured is the order, not where the threshold cuts it.
MIN_ACTIVATION = -1000.0
Advance = Callable[[], None]
# By namespace: the key of each memory, by its id.
Keys = dict[str, dict[str, str]]


async def store(bus: Bus, dialogues: Sequence[Loaded], advance: Advance) -> Keys:
    """Store all turns; returns once the read side shows them.

    Raises:
        MemoryServiceError: a turn was refused, or had no reply.
    """
    keys: Keys = {}
    for dialogue in dialogues:
        replies = await publish(bus, dialogue.stores, stored=advance)
        ids = [str(reply.unwrap()["memory_id"]) for reply in replies]
        keys[dialogue.namespace] = dict(zip(ids, dialogue.keys, strict=True))
        await bus.ask(
            Ping(namespace=dialogue.namespace, after=last_position(replies)),
            timeout_seconds=TIMEOUT_SECONDS,
        )
    return keys


def search_of(
    namespace: str, text: str, at_ms: int, parameters: ParameterOverrides, *, top_k: int = TOP_K
) -> Search:
    """A search that leaves no trace and lets no threshold cut its answer."""
    return Search(
        namespace=namespace,
        query=text,
        top_k=top_k,
        min_activation=MIN_ACTIVATION,
        as_of=at_ms,
        record_access=False,
        include_decayed=True,
        parameters=parameters,
    )


class Asker:
    """Asks every question at every moment, many at a time."""

    def __init__(self, bus: Bus, dialogues: Sequence[Loaded], keys: Keys) -> None:
        self._bus = bus
        self._dialogues = dialogues
        self._keys = keys

    async def measure(
        self, questions: Sequence[Asked], arms: Mapping[str, ParameterOverrides], advance: Advance
    ) -> dict[str, Values]:
        """The values of each arm, shape (questions, moments, metrics).

        Raises:
            MemoryServiceError: a search failed.
        """
        shape = (len(questions), len(MOMENTS), len(METRICS))
        values = {arm: np.zeros(shape) for arm in arms}
        # All arms of a question in turn: its vector is made once and then still in the cache.
        todo = iter(
            [
                (number, moment, arm)
                for number in range(len(questions))
                for moment in range(len(MOMENTS))
                for arm in arms
            ]
        )

        async def worker() -> None:
            for number, moment, arm in todo:
                question = questions[number]
                found = await self._found(question, question.times_ms[moment], arms[arm])
                values[arm][number, moment] = values_of(found, question.evidence)
                advance()

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(IN_FLIGHT):
                    group.create_task(worker())
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
        return values

    async def _found(
        self, question: Asked, at_ms: int, parameters: ParameterOverrides
    ) -> list[str]:
        namespace = self._dialogues[question.dialogue].namespace
        search = search_of(namespace, question.text, at_ms, parameters)
        result = await self._bus.ask(search, timeout_seconds=TIMEOUT_SECONDS)
        keys = self._keys[namespace]
        return [keys[str(each["memory_id"])] for each in result["results"]]
