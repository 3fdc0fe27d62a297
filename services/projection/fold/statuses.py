"""The fold of statuses: archived, forgotten and brought back, and until when a memory lasts."""

from uuid import UUID

from schemas.events import MemoryRestored
from services.projection.fold.documents import count
from services.projection.fold.maintenance import of_maintenance
from services.projection.fold.view import Ref, View
from services.readside.collections import COUNTS
from services.readside.layout import NOBODY, STATUSES, Change, State, Status, status_at

NO_LONGER = -1  # of a memory that has lost its expiry: it leaves the list of those that have one


def change_status(
    view: View, ref: Ref, status: Status, time_ms: int, *, by: UUID | None = None
) -> None:
    """Give a memory another status from a moment on."""
    set_status(view, ref, status)
    change = Change(time_ms, status, other=by.bytes if by else NOBODY)
    view.memories[ref].state.changes.append(change)


def set_status(view: View, ref: Ref, status: Status) -> None:
    """Give a memory a status that its changes speak of already, and count it there."""
    state = view.memories[ref].state
    if state.status != status:
        moved: dict[str, int] = {state.status: -1, status: 1}
        view.add(COUNTS, ref[0], moved)
        if "deleted" in (state.status, status):
            count(view, ref, -1 if status == "deleted" else 1)
    state.status = status


def has_effect(event: MemoryRestored, state: State) -> bool:
    """True where a restoration changes something."""
    expired = has_expired(state, event.time)
    if of_maintenance(event):
        # What was forgotten meanwhile stays so, and what has expired.
        return state.status == "decayed" and not expired
    if state.status != "active" or expired:
        return True
    # Brought back by a run: without this it would be archived again when the run is undone.
    last = _last_status(state)
    return last is not None and last.what == "active" and last.other != NOBODY


def has_expired(state: State, time_ms: int) -> bool:
    """True from the moment on until which a memory lasts."""
    return 0 < state.expires_ms <= time_ms


def outlive(state: State, time_ms: int) -> None:
    """End the expiry of a memory that is brought back after it: it held until now."""
    if has_expired(state, time_ms):
        if status_at(state.changes, state.expires_ms) == "active":
            state.changes.append(Change(state.expires_ms, "decayed"))
        state.changes.append(Change(time_ms, "outlived"))
        state.expires_ms = NO_LONGER


def expire(view: View, ref: Ref, moment_ms: int | None) -> None:
    """Let a memory expire at another moment, or never, as if that had been said from the start.

    So one that decay has archived as it had expired is active again, at all times since. What it
    has outlived holds no more, whoever says it anew.
    """
    state = view.memories[ref].state
    before, wanted = state.expires_ms, expires_ms_of(moment_ms)
    if any(each.what == "outlived" and wanted <= each.at_ms for each in state.changes):
        wanted = 0
    state.expires_ms = wanted or (NO_LONGER if before else 0)
    if state.expires_ms == before:
        return
    last = _last_status(state)
    if last is not None and last.what == "decayed" and 0 < before <= last.at_ms:
        state.changes.remove(last)
        set_status(view, ref, "active")
    view.touch(ref[0]).due.add(ref[1])


def expires_ms_of(moment_ms: int | None) -> int:
    """An expiry as records have it: 0 for never."""
    return 0 if moment_ms is None else max(1, moment_ms)


def _last_status(state: State) -> Change | None:
    return next((each for each in reversed(state.changes) if each.what in STATUSES), None)
