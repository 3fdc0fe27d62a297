"""The model's parameters: names, ranges and defaults (the horizon stands in for the threshold).

Within these ranges every equation of the model is defined for every history: no logarithm or
quotient of 0, and nothing that a trace's 32 bits or a double can't say.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from schemas.fields import WHOLE, Message

DAY_SECONDS = 86_400.0
# Nothing fades, and a moment of fading is none that can be written down, as a decay nears 0.
DECAY_RATE_MIN, DECAY_RATE_MAX = 0.01, 0.99
SECONDS_MIN = 0.001  # times are whole milliseconds
USE_WEIGHT_MIN = 0.001
NOISE_SCALE_MIN = 0.001

DecayRate = Annotated[float, Field(ge=DECAY_RATE_MIN, le=DECAY_RATE_MAX)]
Seconds = Annotated[float, Field(ge=SECONDS_MIN, le=36_525 * DAY_SECONDS)]
UseWeight = Annotated[float, Field(ge=USE_WEIGHT_MIN, le=1)]
Weight = Annotated[float, Field(ge=0, le=200)]
Nats = Annotated[float, Field(ge=-1_000, le=1_000)]
NoiseScale = Annotated[float, Field(ge=NOISE_SCALE_MIN, le=10)]


class Parameters(Message):
    """Parameters of one namespace. Units are in the names; activations are in nats.

    Those that shape a trace (spacing, weights of kinds, emotion) act on what is used from then on,
    the others on every answer at once.
    """

    decay_rate: DecayRate = 0.5
    onset_seconds: Annotated[float, Field(ge=SECONDS_MIN, le=30 * DAY_SECONDS)] = (
        11_692.968471643337  # e^-2 days
    )
    fresh_activation: Annotated[float, Field(ge=-10, le=10)] = 1.0
    horizon_seconds: Seconds = 626_721.4784759649  # e^2 - e^-2 days: -1 nat
    spacing_scale: Annotated[float, Field(ge=0, le=5)] = 0.2
    weight_rehearsal: UseWeight = 0.35
    weight_search: UseWeight = 0.02
    arousal_effect: Annotated[float, Field(ge=0, le=1)] = 0.4
    # Of what arouses; a decay_rate below it is not raised.
    decay_rate_min: DecayRate = 0.2
    # The activation of a search is the log odds that a memory is needed: before any evidence, and
    # what each kind of it adds (fitted by `python -m bench.quality.fit`).
    prior: Nats = -8.0
    base_level_weight: Weight = 0.4
    cosine_weight: Weight = 8.0
    cosine_neutral: Annotated[float, Field(ge=-1, le=1)] = 0.30
    lexical_weight: Weight = 0.28
    speaker_weight: Weight = 1.2
    length_weight: Weight = 1.2
    time_weight: Weight = 1.5
    neighbour_weight: Annotated[float, Field(ge=0, le=1)] = 1.0
    spreading_weight: Weight = 0.4
    source_weight: Annotated[float, Field(ge=0, le=100)] = 1.0
    associative_strength_max: Annotated[float, Field(ge=0, le=100)] = 5.0
    hop_discount: Annotated[float, Field(gt=0, le=1)] = 0.5
    hops_max: Annotated[int, Field(ge=1, le=2), WHOLE] = 2
    focus_capacity: Annotated[int, Field(ge=0, le=50), WHOLE] = 7
    focus_seconds: Seconds = 3_600.0
    superseded_nats: Annotated[float, Field(ge=-100, le=0)] = -2.0
    # What a search finds is above the first; what has faded comes to mind above the second.
    retrieval_threshold: Nats = -8.2
    faded_threshold: Nats = -6.0
    noise_scale: NoiseScale = 0.25
    latency_factor: Annotated[float, Field(gt=0, le=1_000)] = 1.0
    latency_exponent: Annotated[float, Field(ge=0, le=10)] = 1.0
    # What runs by the clock: 0 switches it off; without a capacity nothing is too much.
    downscaling_factor: Annotated[float, Field(ge=0.5, le=1)] = 0.9
    capacity: Annotated[int, Field(ge=0, le=100_000_000), WHOLE] = 0
    decay_scheduled: Annotated[int, Field(ge=0, le=1), WHOLE] = 1
    consolidation_scheduled: Annotated[int, Field(ge=0, le=1), WHOLE] = 1


class ParameterOverrides(Message):
    """Read-time overrides: those that shape the answer, not the traces that are already folded."""

    horizon_seconds: Seconds | None = None
    prior: Nats | None = None
    base_level_weight: Weight | None = None
    cosine_weight: Weight | None = None
    cosine_neutral: Annotated[float, Field(ge=-1, le=1)] | None = None
    lexical_weight: Weight | None = None
    speaker_weight: Weight | None = None
    length_weight: Weight | None = None
    time_weight: Weight | None = None
    neighbour_weight: Annotated[float, Field(ge=0, le=1)] | None = None
    spreading_weight: Weight | None = None
    source_weight: Annotated[float, Field(ge=0, le=100)] | None = None
    superseded_nats: Annotated[float, Field(ge=-100, le=0)] | None = None
    retrieval_threshold: Nats | None = None
    faded_threshold: Nats | None = None
    noise_scale: NoiseScale | None = None

    def applied_to(self, parameters: Parameters) -> Parameters:
        """`parameters` with what is set here in their place."""
        overrides = self.model_dump(exclude_none=True)
        return parameters.model_copy(update=overrides) if overrides else parameters


# Until 2026-12 these had to be above 0 only, decays also below 1.
_NARROWED = {
    "decay_rate": DECAY_RATE_MIN,
    "decay_rate_min": DECAY_RATE_MIN,
    "onset_seconds": SECONDS_MIN,
    "horizon_seconds": SECONDS_MIN,
    "focus_seconds": SECONDS_MIN,
    "weight_rehearsal": USE_WEIGHT_MIN,
    "weight_search": USE_WEIGHT_MIN,
    "noise_scale": NOISE_SCALE_MIN,
}


def moved_into_bounds(values: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters with those that were accepted once, and would not be now, at the nearest bound.

    What was never accepted stays as it is.

    >>> moved_into_bounds({"decay_rate": 1e-300, "weight_search": 0.5, "noise_scale": -1.0})
    {'decay_rate': 0.01, 'weight_search': 0.5, 'noise_scale': -1.0}
    """
    moved = dict(values)
    for name, least in _NARROWED.items():
        value = values.get(name)
        if value is not None and 0 < value < least:
            moved[name] = least
        elif name.startswith("decay_rate") and value is not None and DECAY_RATE_MAX < value < 1:
            moved[name] = DECAY_RATE_MAX
    return moved
