"""Where our code only computes, a failure is a bug that some message brings out, each time anew."""

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
