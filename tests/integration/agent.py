"""A client of one namespace that reads its own writes: what most tests of the services need."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from human_memory.bus.bus import Bus, Request
from schemas.parameters import Parameters
from services.readside.activation import threshold_of
from tests import builders
from tests.polling import eventually

PATIENCE_SECONDS = 60.0
# Below any activation: what a test searches for is found however old it says it is.
NO_THRESHOLD = -1_000.0
Row = dict[str, Any]


@dataclass
class Agent:
    """Asks about its namespace, each time `after` the last position it was given."""

    bus: Bus
    namespace: str
    position: str | None = None

    async def store(self, content: str = "Tea is at four.", **fields: Any) -> UUID:
        """The id of a new memory."""
        command = builders.store(content, namespace=self.namespace, **fields)
        return UUID((await self.tell(command))["memory_id"])

    async def access(self, *memory_ids: UUID, **fields: Any) -> Row:
        return await self.tell(builders.access(*memory_ids, namespace=self.namespace, **fields))

    async def forget(self, memory: UUID, **fields: Any) -> Row:
        return await self.tell(builders.forget(memory, namespace=self.namespace, **fields))

    async def restore(self, memory: UUID, **fields: Any) -> Row:
        return await self.tell(builders.restore(memory, namespace=self.namespace, **fields))

    async def search(self, query: str = "When is tea?", **fields: Any) -> list[Row]:
        """The rows it found."""
        asked = {"min_activation": NO_THRESHOLD} | fields
        rows: list[Row] = (await self.tell(builders.search(query, **self._about(asked))))["results"]
        return rows

    async def recall(self, memory: UUID, **fields: Any) -> Row:
        return await self.tell(builders.recall(memory, **self._about(fields)))

    async def inspect(self, memory: UUID, **fields: Any) -> Row:
        return await self.tell(builders.inspect(memory, **self._about(fields)))

    async def list(self, **fields: Any) -> Row:
        return await self.tell(builders.list_memories(**self._about(fields)))

    async def stats(self) -> Row:
        return await self.tell(builders.stats(**self._about({})))

    async def faded(self, *memories: UUID, horizon_seconds: float) -> None:
        """Return once these lie below the threshold that a horizon stands for."""
        threshold = threshold_of(Parameters(horizon_seconds=horizon_seconds))

        async def below() -> bool:
            levels = [(await self.inspect(memory))["activation"] for memory in memories]
            return bool(max(levels) <= threshold)

        await eventually(below, seconds=PATIENCE_SECONDS)

    async def tell(self, message: Request) -> Row:
        """The result; where it is a write, later questions see it."""
        reply = await self.bus.request(message, timeout_seconds=PATIENCE_SECONDS)
        self.position = reply.position or self.position
        return reply.unwrap()

    def _about(self, fields: dict[str, Any]) -> dict[str, Any]:
        return {"namespace": self.namespace, "after": self.position} | fields


def ids(rows: list[Row]) -> list[UUID]:
    """The memories of some rows, in their order."""
    return [UUID(row["memory_id"]) for row in rows]
