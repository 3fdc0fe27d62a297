"""Warnings that answers bring along, for a caller who has a place for them."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_listening: ContextVar[list[str] | None] = ContextVar("listening", default=None)


@contextmanager
def listening() -> Iterator[list[str]]:
    """The warnings of the answers to the body's calls, which are told nowhere else."""
    heard: list[str] = []
    token = _listening.set(heard)
    try:
        yield heard
    finally:
        _listening.reset(token)


def passed_on(warning: str) -> bool:
    """True if somebody listens, who has it now."""
    heard = _listening.get()
    if heard is not None:
        heard.append(warning)
    return heard is not None
