"""Marks code that only computes: a failure there is a bug that a message brings out each time."""

from collections.abc import Iterator
from contextlib import contextmanager

from schemas.errors import Indigestible, MemoryServiceError


@contextmanager
def computing() -> Iterator[None]:
    """Around what computes and asks nobody: no waiting heals what fails there.

    Raises:
        Indigestible: it has failed.
    """
    try:
        yield
    except (MemoryServiceError, MemoryError):
        raise
    except Exception as error:
        raise Indigestible(f"a bug in the service: it fails on this record: {error!r}") from error
