"""Objects that a forked process inherits and must not touch: it begins anew instead.

A socket that two processes write to mixes their requests, and answers come to whoever reads first.
An inherited thread does not run, an inherited lock may be held by nobody, and an inherited event
loop shares its selector with the parent's, which then misses what it waits for.

Locks inside of OpenSSL can't be made anew, and a child waits for ever for one that was held. So a
fork waits for a moment for the threads of the parent that are likely to hold one: one that reads
certificates, and those that end, as OpenSSL tidies up in them when `Thread.join` has long returned
(before Python 3.13).
"""

import os
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol
from weakref import WeakSet

from human_memory.deadline import Deadline

try:
    from ctypes import py_object, pythonapi
except ImportError:  # not CPython, which then counts no references either
    pythonapi = None  # type: ignore[assignment] # as there is none


class Holder(Protocol):
    """Something with connections, a thread or locks."""

    def leave_behind(self) -> object:
        """Let go, in a forked process, of all that is the parent's, and return that untouched."""
        ...


_holders: WeakSet[Holder] = WeakSet()
_left_behind: list[object] = []
# It takes milliseconds; who waits longer waits for a thread that stands still.
PATIENCE_SECONDS = 1.0
_TASKS = Path("/proc/self/task")  # Linux; elsewhere no end of a thread is waited for
_unforked = threading.RLock()
_ending: deque[int] = deque(maxlen=256)
_of_thread = threading.local()


class _End:
    """Goes with its thread, from inside of which it notes that this one is ending."""

    def __init__(self) -> None:
        self._id = threading.get_native_id()
        self._note = _ending.append  # the module may be gone by then

    def __del__(self) -> None:
        self._note(self._id)


def calls_here() -> None:
    """Have forks wait until this thread is gone, once it has begun to end."""
    if not hasattr(_of_thread, "end"):
        _of_thread.end = _End()


@contextmanager
def unforked() -> Iterator[None]:
    """Other threads fork before the body or after it; it must be short."""
    with _unforked:
        yield


def begins_anew(holder: Holder) -> None:
    """Have `holder` leave behind what it holds in every process that is forked from now on."""
    _holders.add(holder)


def _before() -> None:
    patience = Deadline.after(PATIENCE_SECONDS)
    _unforked.acquire(timeout=patience.remaining_seconds())
    while _ending and not patience.expired:
        # With greenlets in place of threads, what has ended was in this one.
        if _ending[0] != threading.get_native_id() and (_TASKS / str(_ending[0])).exists():
            time.sleep(0.001)
        else:
            _ending.popleft()
    _ending.clear()


def _in_parent() -> None:
    with suppress(RuntimeError):  # it was not to be had in time
        _unforked.release()


def _in_child() -> None:
    global _unforked
    _unforked = threading.RLock()
    holders = list(_holders)
    if holders and not _left_behind and pythonapi is not None:
        # Kept for ever, past the interpreter's end: to finalise a transport of the parent's loop
        # would take it out of the selector that both processes share.
        pythonapi.Py_IncRef(py_object(_left_behind))
    _left_behind.extend(holder.leave_behind() for holder in holders)


if hasattr(os, "register_at_fork"):  # Windows can't fork
    os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
