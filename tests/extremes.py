"""What the schema admits at its edges: parameters, times, weights, nats, counts and lengths."""

from collections.abc import Iterator
from itertools import product
from typing import Any

from annotated_types import Ge, Gt, Le
from hypothesis import strategies as st

from schemas.codec import decode_event, encode
from schemas.events import (
    MaintenanceCompleted,
    MaintenanceProgressed,
    MemoryAdjusted,
    MemoryEvent,
    MemoryStored,
    ParametersChanged,
)
from schemas.limits import CONTENT_CHARACTERS_MAX, TIME_MS_MAX, TIME_MS_MIN
from schemas.parameters import ParameterOverrides, Parameters
from tests.builders import TIME_MS
from tests.sequences import logs

TINY = 5e-324
LEAST_MS, MOST_MS = TIME_MS_MIN, TIME_MS_MAX
MOMENTS_MS = (LEAST_MS, 0, TIME_MS, TIME_MS + 1, MOST_MS)
TIMES = st.sampled_from(MOMENTS_MS) | st.integers(LEAST_MS, MOST_MS)
# What shapes a trace, a threshold, or when it is crossed.
SHAPING = (
    *("decay_rate", "decay_rate_min", "onset_seconds", "fresh_activation", "horizon_seconds"),
    *("spacing_scale", "arousal_effect", "weight_search"),
)
# What was accepted once and is in logs: above 0, decays also below 1.
ONCE: dict[str, tuple[float, ...]] = {
    "decay_rate": (TINY, 1e-300, 1e-40, 0.9999999, 0.9999999999999999),
    "decay_rate_min": (TINY, 1e-300, 1e-40, 0.9999999, 0.9999999999999999),
    **dict.fromkeys(("onset_seconds", "horizon_seconds", "focus_seconds"), (TINY, 1e-300)),
    **dict.fromkeys(("weight_search", "weight_rehearsal", "noise_scale"), (TINY, 1e-300)),
}
CONTENTS = ("!", "x" * CONTENT_CHARACTERS_MAX, "\x00", "İ" * 1_000, "tea")
COUNTS = (0, 1, 2**63, 10**30)
NATS = (None, 0.0, -1e308, 1e308, -TINY)


def edges(name: str, model: type[Parameters] | type[ParameterOverrides] = Parameters) -> list[Any]:
    """The least and the most that a parameter may be."""
    metadata = model.model_fields[name].metadata
    if not metadata:  # of what may be left out the bounds stand with the parameter itself
        metadata = Parameters.model_fields[name].metadata
    least = next(TINY if isinstance(m, Gt) else m.ge for m in metadata if isinstance(m, Gt | Ge))
    return [least, next(m.le for m in metadata if isinstance(m, Le))]


def corners() -> Iterator[dict[str, float]]:
    """All corners of the box of the shaping parameters."""
    for values in product(*(edges(name) for name in SHAPING)):
        yield dict(zip(SHAPING, values, strict=True))


def within(name: str) -> st.SearchStrategy[float]:
    """A value of a parameter; most often an edge."""
    least, most = edges(name)
    if isinstance(Parameters.model_fields[name].default, int):
        return st.sampled_from([float(least), float(most)])
    return st.sampled_from([least, most]) | st.floats(least, most)


BOX = st.fixed_dictionaries({}, optional={name: within(name) for name in Parameters.model_fields})
LOGGED = BOX | st.fixed_dictionaries(
    {}, optional={name: st.sampled_from(values) for name, values in ONCE.items()}
)
OVERRIDES = st.fixed_dictionaries(
    {}, optional={name: within(name) for name in ParameterOverrides.model_fields}
).map(ParameterOverrides.model_validate)


@st.composite
def extreme_logs(draw: st.DrawFn) -> list[MemoryEvent]:
    """Logs whose events are at the edges of what they may say; all have come over the wire."""
    first = ParametersChanged.model_validate(_of("parameters", draw(LOGGED)))
    return [first, *(_moved(draw, event) for event in draw(logs(size_max=30)))]


def _of(name: str, parameters: dict[str, float]) -> dict[str, Any]:
    around = {"id": "00000000-0000-0000-0000-00000000000a", "source": name, "subject": "acme/one"}
    envelope = around | {"time": 0, "namespace": "acme/one"}
    return envelope | {"data": {"parameters": parameters}}


def _moved(draw: st.DrawFn, event: MemoryEvent) -> MemoryEvent:
    data: dict[str, Any] = {}
    match event:
        case MemoryStored():
            content = draw(st.sampled_from(CONTENTS))
            data = {"recorded_at": draw(TIMES), "content": content, "indexed_text": content}
        case MemoryAdjusted():
            data = {"nats": draw(st.sampled_from([-100.0, 100.0, -TINY]))}
        case MaintenanceProgressed():
            data = {name: draw(st.sampled_from(COUNTS)) for name in ("done", "total")}
        case MaintenanceCompleted():
            data = {"downscaling_nats": draw(st.sampled_from(NATS)), "began_at": draw(TIMES)}
        case ParametersChanged():
            data = {"parameters": draw(LOGGED)}
    changed = event.data.model_copy(update=data)
    moved = event.model_copy(update={"time": draw(TIMES), "data": changed})
    return decode_event(encode(moved))
