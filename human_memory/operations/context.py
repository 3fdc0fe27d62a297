"""The context of one request: whose memory, until when, under which key, over which bus."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from pydantic import BaseModel, ValidationError

from human_memory.bus.bus import Bus, Request
from human_memory.deadline import Deadline
from human_memory.operations.problems import refused
from schemas.errors import DeadlineExceeded, Rejected
from schemas.fields import Message
from schemas.ids import derive
from schemas.inbox import InboxCommand
from schemas.queries import Ping
from schemas.replies import Reply

Json = dict[str, Any]
M = TypeVar("M", bound=Message)


@dataclass(frozen=True)
class RequestContext:
    """The context in which an operation answers its request.

    `call`: what tells the tries of one call from other calls. `warnings`: lines for the reply about
    what is ignored; where there is no place for them, it is refused.

    Raises:
        Rejected: this can be no namespace, or no key.
    """

    bus: Bus
    namespace: str
    deadline: Deadline
    idempotency_key: str | None = None
    warnings: list[str] | None = None
    call: str | None = None

    def __post_init__(self) -> None:
        given = {"namespace": self.namespace, "idempotency_key": self.idempotency_key}
        try:
            InboxCommand.model_validate(given)
        except ValidationError as error:
            raise refused(error, InboxCommand, place="header") from None

    @property
    def query_id(self) -> UUID | None:
        """The same for a repeat under the same key, so that its accesses count once."""
        if self.idempotency_key is not None:
            return derive(self.namespace, "http", self.idempotency_key)
        return None if self.call is None else derive(self.namespace, "call", self.call)

    def ignore(self, field: str, words: str) -> None:
        """Leave out a field and say so.

        Raises:
            Rejected: nobody would hear of it.
        """
        if self.warnings is None:
            problems = [{"field": field, "problem": words}]
            raise Rejected(f"{field}: {words}", problems=problems)
        self.warnings.append(f"{field}: was ignored: it {words}")

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

    def message(self, model: type[M], request: BaseModel | None = None, /, **fields: Any) -> M:
        """A message of the bus with the fields of a request; `fields` differ or come on top.

        They are those of the message and have been checked, so they are not checked again.
        """
        given = {**dict(request or ()), **fields}
        construct: Callable[..., Any] = model.model_construct
        made: M = construct(namespace=self.namespace, **given)
        return made

    def checked(self, model: type[M], request: BaseModel, /, **fields: Any) -> M:
        """As `message`, for one whose fields must also be good together.

        Raises:
            Rejected: they are not.
        """
        try:
            return model.model_validate({"namespace": self.namespace, **dict(request), **fields})
        except ValidationError as error:
            raise refused(error, model) from None

    def _seconds(self) -> float:
        seconds = self.deadline.remaining_seconds()
        if seconds <= 0:
            raise DeadlineExceeded("the deadline has passed; the outcome is unknown")
        return seconds
