"""The rankings that are compared: the service's own, and what is left of it without its parts."""

from typing import Any

from schemas.parameters import ParameterOverrides

FULL = "full"

_NOTHING: dict[str, Any] = {
    "base_level_weight": 0.0,
    "cosine_weight": 0.0,
    "lexical_weight": 0.0,
    "speaker_weight": 0.0,
    "length_weight": 0.0,
    "time_weight": 0.0,
    "neighbour_weight": 0.0,
    "spreading_weight": 0.0,
}
# What is not named keeps the service's default, so that the arms follow when a default changes.
_MATCH = ("cosine_weight", "lexical_weight", "speaker_weight", "length_weight", "time_weight")


def _only(*kept: str, **weights: float) -> ParameterOverrides:
    nothing = {name: value for name, value in _NOTHING.items() if name not in kept}
    return ParameterOverrides.model_validate(nothing | weights)


ARMS: dict[str, ParameterOverrides] = {
    "cosine": _only(cosine_weight=1.0),
    "BM25": _only(lexical_weight=1.0),
    "activation": _only(base_level_weight=1.0),
    "P": _only(*_MATCH),
    "P + B": _only(*_MATCH, "base_level_weight"),
    FULL: ParameterOverrides(),
}
EXPLANATIONS = {
    "cosine": "similarity of meaning alone",
    "BM25": "words alone",
    "activation": "base level B alone: the history of use, whatever is asked",
    "P": "match with the question, each memory by itself",
    "P + B": "match and base level",
    FULL: "the service's defaults: with what the neighbouring turns say too",
}
