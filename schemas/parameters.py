"""The model's parameters: names, ranges and defaults (the horizon stands in for the threshold)."""

from typing import Annotated

from pydantic import Field

from schemas.fields import Message

DAY_SECONDS = 86_400.0


class Parameters(Message):
    """Parameters of one namespace. Units are in the names; activations are in nats."""

    decay_rate: Annotated[float, Field(gt=0, lt=1)] = 0.5
    onset_seconds: Annotated[float, Field(gt=0, le=30 * DAY_SECONDS)] = (
        11_692.968471643337  # e^-2 days
    )
    fresh_activation: Annotated[float, Field(ge=-10, le=10)] = 1.0
    horizon_seconds: Annotated[float, Field(gt=0, le=36_525 * DAY_SECONDS)] = (
        626_721.4784759649  # e^2 - e^-2 days: -1 nat
    )
    spacing_intercept: Annotated[float, Field(gt=0, lt=1)] = 0.5
    spacing_scale: Annotated[float, Field(ge=0, le=5)] = 0.2
    weight_rehearsal: Annotated[float, Field(gt=0, le=1)] = 0.35
    weight_search: Annotated[float, Field(gt=0, le=1)] = 0.02
    arousal_effect: Annotated[float, Field(ge=0, le=1)] = 0.4
    decay_rate_min: Annotated[float, Field(gt=0, lt=1)] = 0.2
    base_level_weight: Annotated[float, Field(ge=0, le=10)] = 1.0
    cosine_weight: Annotated[float, Field(ge=0, le=200)] = 20.0
    cosine_neutral: Annotated[float, Field(ge=-1, le=1)] = 0.30
    noise_scale: Annotated[float, Field(gt=0, le=10)] = 0.25


class ParameterOverrides(Message):
    """Read-time overrides: those that shape the answer, not the traces that are already folded."""

    horizon_seconds: Annotated[float, Field(gt=0, le=36_525 * DAY_SECONDS)] | None = None
    base_level_weight: Annotated[float, Field(ge=0, le=10)] | None = None
    cosine_weight: Annotated[float, Field(ge=0, le=200)] | None = None
    cosine_neutral: Annotated[float, Field(ge=-1, le=1)] | None = None
    noise_scale: Annotated[float, Field(gt=0, le=10)] | None = None

    def applied_to(self, parameters: Parameters) -> Parameters:
        """`parameters` with what is set here in their place."""
        return parameters.model_copy(update=self.model_dump(exclude_none=True))
