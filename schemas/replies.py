"""memory.replies: what a client gets back, and what ingest answers to a command."""

from typing import Any, Literal, Self

from pydantic import JsonValue, TypeAdapter, model_validator
from pydantic_core import PydanticCustomError, from_json, to_json

from schemas.errors import MemoryServiceError, error_from_reply
from schemas.fields import LocalMilliseconds, MemoryId, Message, Position

ErrorCode = Literal["validation", "not_found", "unavailable", "timeout", "internal"]


class ErrorReply(Message):
    """The reason for a failure, for programs (`code`), people (`message`) and both (`details`)."""

    code: ErrorCode
    message: str
    details: dict[str, JsonValue] = {}


class Reply(Message):
    """Exactly one of `result` and `error`, and the position the answer is good for.

    `warning`: the result is whole, but something that should follow from it has not yet.
    """

    result: dict[str, Any] | None = None
    error: ErrorReply | None = None
    position: Position | None = None
    warning: str | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.result is None) == (self.error is None):
            raise PydanticCustomError("one_of_both", "a reply has either a result or an error")
        return self

    def unwrap(self) -> dict[str, Any]:
        """The result.

        Raises:
            MemoryServiceError: the class that stands for the error's code.
        """
        if self.error is not None:
            raise error_from_reply(self.error.code, self.error.message, dict(self.error.details))
        assert self.result is not None
        return self.result


REPLY: TypeAdapter[Reply] = TypeAdapter(Reply)


def error_reply(error: MemoryServiceError) -> Reply:
    """The reply that carries `error`."""
    # Details are whatever the raiser had at hand; an error must not fail on its way out.
    details = from_json(to_json(error.details, fallback=str, inf_nan_mode="strings"))
    return Reply(error=ErrorReply(code=error.code, message=error.message, details=details))


class RunResult(Message):
    """The report of a run, in numbers; `complete`: it is over, `cancelled`: before its end."""

    run_id: MemoryId
    job: str
    complete: bool
    cancelled: bool = False
    report: dict[str, JsonValue] = {}


class StoreResult(Message):
    """A new memory, or with `strengthened` an equal one that was there."""

    memory_id: MemoryId
    activation: float
    created_at: LocalMilliseconds
    strengthened: Literal[True] | None = None


class AcceptedResult(Message):
    """A command other than `store` was appended to the log."""

    accepted: Literal[True] = True
    event_id: MemoryId
