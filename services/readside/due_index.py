"""The due index: when a memory may have faded; a hint that never comes too late.

An access leaves an entry alone: a new trace raises activation at every later moment, so a stored
time stays a lower bound. What lowers activation writes the entry anew.
"""

import hashlib
from math import exp, log

import orjson

from schemas.parameters import Parameters
from services.readside.activation import threshold_of
from services.readside.layout import TRACE_STRUCT, State

NEVER_MS = 10.0**18
EXPONENT_MAX = 700.0  # e^709.8 is the largest double
# Each trace alone gives a bound, and the best of the newest few is near the best of all.
TRACES_LOOKED_AT = 32
# Traces from before decays had a lower bound may have any, also 0: they never fade.
DECAY_RATE_LEAST = 1e-30
_SHAPING = (
    "decay_rate",
    "onset_seconds",
    "fresh_activation",
    "horizon_seconds",
    "downscaling_factor",
)


def due_ms(state: State, traces: bytes, parameters: Parameters) -> float:
    """A moment not later than when the memory fades, if nothing happens to it until then.

    Of the traces t_j with weight w_j and decay d_j, each alone keeps it above the threshold T until
    t_j - o + r (w_j e^(A0 - T))^(1/d_j). A downscaling that may come is assumed.
    """
    threshold = lowest_threshold(state.bias, parameters)
    onset, fresh = parameters.onset_seconds, parameters.fresh_activation
    latest = 0.0
    newest = traces[-TRACES_LOOKED_AT * TRACE_STRUCT.size :]
    for time_ms, _, weight, decay in TRACE_STRUCT.iter_unpack(newest):
        needed = log(weight) + fresh - threshold if weight > 0 else 0.0
        exponent = needed / max(decay, DECAY_RATE_LEAST)
        if exponent > EXPONENT_MAX:
            return NEVER_MS
        latest = max(latest, time_ms + 1000.0 * onset * (exp(exponent) - 1.0))
    earliest = state.recorded_ms + 1000.0 * parameters.horizon_seconds
    return min(NEVER_MS, max(latest, earliest))


def due_with_expiry(state: State, traces: bytes, parameters: Parameters) -> float | None:
    """A moment not later than when the memory fades or expires; None for never."""
    expires: list[float] = [state.expires_ms] if state.expires_ms > 0 else []
    fades = [] if state.pinned else [due_ms(state, traces, parameters)]
    return min(fades + expires, default=None)


def lowest_threshold(bias: float, parameters: Parameters) -> float:
    """T: the threshold that B meets, with the penalties and the downscaling that may come."""
    threshold = threshold_of(parameters)
    floor = threshold - parameters.fresh_activation
    return threshold - max(bias + log(parameters.downscaling_factor), floor)


def due_fingerprint(parameters: Parameters) -> bytes:
    """A fingerprint of the parameters behind the entries of a due index; empty for the defaults."""
    given = parameters.model_dump(include=set(_SHAPING), exclude_defaults=True)
    if not given:
        return b""
    packed = orjson.dumps(given, option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(packed, digest_size=16).hexdigest().encode()
