"""Base-level inhibition: what was just used is held back for a moment, so that others get a turn.

Off in the service: it makes activation rise with time, and the due index relies on its falling.
"""

import numpy as np

from cognition.base_level import FloatArray
from cognition.errors import ParameterOutOfRange

AGE_SECONDS_MIN = 0.05  # As in the base level of ACT-R 7; at age 0 the term would be -inf.


def base_level_inhibition(
    newest_ages_seconds: FloatArray | float,
    *,
    scale_seconds: float = 5.0,
    decay_rate: float = 1.0,
) -> FloatArray:
    """The term that inhibition adds to the base level.

    -ln(1 + (a / ts)^-ds), a the age of the newest presentation.

    Args:
        newest_ages_seconds: a, shape (memories,) or a number.
        scale_seconds: ts, the age at which half of the strength is back.
        decay_rate: ds, how fast it comes back.

    Returns:
        Shape (memories,), nats, below 0.

    Raises:
        ParameterOutOfRange: scale or decay is not positive.

    Source: Lebiere & Best (2009), Proceedings of CogSci 31, short-term inhibition.

    >>> base_level_inhibition(np.array([1.0, 10.0])).round(10).tolist()
    [-1.7917594692, -0.4054651081]
    """
    if scale_seconds <= 0 or decay_rate <= 0:
        raise ParameterOutOfRange(
            f"need scale_seconds > 0 and decay_rate > 0, got {scale_seconds} and {decay_rate}"
        )
    ages = np.maximum(newest_ages_seconds, AGE_SECONDS_MIN)
    terms: FloatArray = -np.log1p((ages / scale_seconds) ** -decay_rate)
    return terms
