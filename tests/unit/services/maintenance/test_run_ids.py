"""Which run a command asks for."""

from types import SimpleNamespace
from typing import Any
from uuid import UUID

from schemas.maintenance import RunJob
from services.maintenance.handlers import _context


def run_of(offset: int, replayed_from: str | None = None, **fields: Any) -> UUID:
    """The run that a record asks for, written a moment after the one before it."""
    record = SimpleNamespace(topic="t", partition=0, offset=offset, timestamp=1_000 + offset)
    return _context(
        RunJob(**{"namespace": "n", "job": "decay", **fields}), record, replayed_from
    ).run_id


def test_command_without_a_key_is_a_run_of_its_own() -> None:
    assert run_of(1) == run_of(1)
    assert run_of(1) != run_of(2)


def test_command_under_the_same_key_is_the_same_run() -> None:
    first = run_of(1, idempotency_key="k")

    assert run_of(2, idempotency_key="k") == first
    assert first not in {
        run_of(1),
        run_of(1, idempotency_key="other"),
        run_of(1, idempotency_key="k", job="consolidation"),
        run_of(1, idempotency_key="k", namespace="m"),
    }


def test_slot_names_its_run_whatever_the_key() -> None:
    assert run_of(1, slot=500, idempotency_key="k") == run_of(2, slot=500)


def test_dead_letter_that_is_sent_back_twice_is_one_run() -> None:
    first = run_of(1, "memory.maintenance:0:7:900")

    assert run_of(2, "memory.maintenance:0:7:900") == first
    assert first not in {run_of(1), run_of(1, "memory.maintenance:0:8:900")}
