"""The service's errors. The class decides what a handler does, the code is what a client sees.

MemoryServiceError
  Rejected           validation   sender must change it: reply or dead letter, no retry
    LimitExceeded                 names limit, allowed, sent
  NotFound           not_found
  Unavailable        unavailable  retried with backoff until the deadline
  DeadlineExceeded   timeout
  InvariantBroken    internal     stops the partition; docstring says what an operator does
    UnknownEventVersion
  Indigestible       internal     a bug makes the service fail on this record: dead letter, go on
"""

from typing import Any, ClassVar


class MemoryServiceError(Exception):
    """Root of all errors that cross the bus. `code` and `http_status` are the contract's."""

    code: ClassVar[str] = "internal"
    http_status: ClassVar[int] = 500

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.details = details


class Rejected(MemoryServiceError):
    """The message breaks the contract; sending it again unchanged cannot work."""

    code = "validation"
    http_status = 422


class LimitExceeded(Rejected):
    """A bound of the contract was hit. Details: `limit`, `allowed`, `sent`."""

    def __init__(self, limit: str, *, allowed: int, sent: int, remedy: str) -> None:
        super().__init__(
            f"{limit}: {sent:,} sent, {allowed:,} allowed; {remedy}",
            limit=limit,
            allowed=allowed,
            sent=sent,
        )


class NotFound(MemoryServiceError):
    """The thing asked for does not exist in this namespace, or is not visible there."""

    code = "not_found"
    http_status = 404


class Unavailable(MemoryServiceError):
    """A part that is needed does not answer now; the same request may work later."""

    code = "unavailable"
    http_status = 503


class DeadlineExceeded(MemoryServiceError):
    """The deadline passed. For a write the outcome is unknown: retry with the same key."""

    code = "timeout"
    http_status = 504


class InvariantBroken(MemoryServiceError):
    """A bug or a foreign writer: the log or the read side is not what it must be.

    The partition stops. Operator: read the message, look at the record it names with
    `human-memory tail`, repair or upgrade the service, then restart it; if the read side is
    damaged, `human-memory replay --from-empty` rebuilds it from the log.
    """


class UnknownEventVersion(InvariantBroken):
    """An event of a type we know in a version we do not: upgrade this service, then restart it."""


class Indigestible(MemoryServiceError):
    """A bug fails on a record each time, which becomes a dead letter, as if it were not there.

    Operator: report it. A version without the bug rebuilds the read side by itself and folds the
    event in its place; `human-memory dead-letters replay` sends a command again.
    """


_BY_CODE: dict[str, type[MemoryServiceError]] = {
    error.code: error
    for error in (Rejected, NotFound, Unavailable, DeadlineExceeded, MemoryServiceError)
}


def error_from_reply(code: str, message: str, details: dict[str, Any]) -> MemoryServiceError:
    """The typed error for a reply's error object; an unknown code becomes the root class."""
    error = _BY_CODE.get(code, MemoryServiceError)(message)
    error.details = details
    return error
