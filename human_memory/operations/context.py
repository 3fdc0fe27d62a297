"""One request on its way over the bus: whose memory, until when, under which key."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pydantic import ValidationError

from human_memory.bus.bus import Bus, Request
from human_memory.deadline import Deadline
from human_memory.operations.problems import refused
from schemas.errors import DeadlineExceeded
from schemas.fields import Message
from schemas.ids import derive
from schemas.inbox import InboxCommand
from schemas.queries import Ping
from schemas.replies import Reply

Json = dict[str, Any]


@dataclass(frozen=True)
class Asking:
    """What an operation has at hand."""

    bus: Bus
    namespace: str
    deadline: Deadline
    idempotency_key: str | None = None

    @property
    def query_id(self) -> UUID | None:
        """The same for a repeat under the same key, so that its accesses count once."""
        if self.idempotency_key is None:
            return None
        return derive(self.namespace, "http", self.idempotency_key)

    async def ask(self, message: Request) -> Json:
        """The result of a query or command.

        Raises:
            MemoryServiceError: the error in the reply, or that there was none.
        """
        return (await self.request(message)).unwrap()

    async def request(self, message: Request) -> Reply:
        """The reply to it."""
        return await self.bus.request(message, timeout_seconds=self._seconds())

    async def write(self, command: InboxCommand) -> Json:
        """The result of a command, once reads show what it did."""
        return await self.bus.ask(command, timeout_seconds=self._seconds(), visible=True)

    async def visible(self, position: str | None) -> None:
        """Return when reads show the event at `position`."""
        if position is not None:
            await self.ask(Ping(namespace=self.namespace, after=position))

    def message(self, model: type[Message], /, **fields: Any) -> Any:
        """A message of the bus for this namespace.

        Raises:
            Rejected: the fields are not good together.
        """
        try:
            return model.model_validate({"namespace": self.namespace, **fields})
        except ValidationError as error:
            raise refused(error, model) from None

    def _seconds(self) -> float:
        seconds = self.deadline.remaining_seconds()
        if seconds <= 0:
            raise DeadlineExceeded("the deadline has passed; the outcome is unknown")
        return seconds
