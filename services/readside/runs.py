"""A run of maintenance as the read side keeps it."""

from collections import Counter
from dataclasses import dataclass, field, fields
from typing import Any
from uuid import UUID

import orjson

BEGIN = "begin"  # the phase of the first event of each attempt
RUN_METADATA = "maintenance_run"  # in the metadata of what a run has stored


@dataclass(slots=True)
class Run:
    """`offset`: of the first event on it. `effects` counts what the fold has taken, by type.

    `error`: code and message of why it failed, if it did.
    """

    job: str = ""
    began_ms: int = 0
    offset: int = 0
    phase: str = ""
    done: int = 0
    total: int = 0
    effects: Counter[str] = field(default_factory=Counter)
    report: dict[str, Any] = field(default_factory=dict)
    completed_ms: int | None = None
    completed_offset: int | None = None
    commanded_ms: int | None = None
    nats: float | None = None
    cancelled: bool = False
    error: dict[str, Any] | None = None
    undone_ms: int | None = None
    seconds: float | None = None


def pack_run_ids(runs: frozenset[UUID]) -> bytes:
    """Pack the ids of runs that have added something, as Redis keeps them."""
    return ",".join(sorted(run.hex for run in runs)).encode()


def unpack_run_ids(packed: bytes) -> frozenset[UUID]:
    """Unpack the bytes of `pack_run_ids`."""
    return frozenset(UUID(run) for run in packed.decode().split(","))


def pack_run(run: Run) -> bytes:
    """A run as Redis keeps it."""
    # Not `asdict`, which makes another thing of a Counter.
    values = {each.name: getattr(run, each.name) for each in fields(run)}
    return orjson.dumps(values | {"effects": dict(run.effects)}, option=orjson.OPT_SORT_KEYS)


def unpack_run(packed: bytes) -> Run:
    """Unpack the bytes of `pack_run`."""
    values = orjson.loads(packed)
    return Run(**(values | {"effects": Counter(values["effects"])}))
