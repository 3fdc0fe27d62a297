"""Objects that a forked process inherits and must not touch: it begins anew instead.

A socket that two processes write to mixes their requests, and answers come to whoever reads first.
An inherited thread does not run, an inherited lock may be held by nobody, and an inherited event
loop shares its selector with the parent's, which then misses what it waits for.
"""

import os
from typing import Protocol
from weakref import WeakSet

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


def begins_anew(holder: Holder) -> None:
    """Have `holder` leave behind what it holds in every process that is forked from now on."""
    _holders.add(holder)


def _in_child() -> None:
    holders = list(_holders)
    if holders and not _left_behind and pythonapi is not None:
        # Kept for ever, past the interpreter's end: to finalise a transport of the parent's loop
        # would take it out of the selector that both processes share.
        pythonapi.Py_IncRef(py_object(_left_behind))
    _left_behind.extend(holder.leave_behind() for holder in holders)


if hasattr(os, "register_at_fork"):  # Windows can't fork
    os.register_at_fork(after_in_child=_in_child)
