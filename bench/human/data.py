"""Data of people: recall by spacing, savings by delay, recognition times by fan.

Recall in percent, read off the figures of Cepeda, Vul, Rohrer, Wixted & Pashler (2008),
Psychological Science 19:1095, and Cepeda, Coburn, Rohrer, Wixted, Mozer & Pashler (2009),
Experimental Psychology 56:236. Savings of Ebbinghaus (1885) and of the replications in Murre & Dros
(2015), PLoS ONE 10:e0120644. Recognition times in seconds of Anderson (1974), Cognitive Psychology
6:451.
"""

import numpy as np

from cognition.base_level import FloatArray

DAY_SECONDS = 86_400.0
# What "at once" was in the experiment; 60 to 600 s change R-squared by .0013 at most.
GAP_0_SECONDS = 180.0

_GAPS = (0, 1, 2, 4, 7, 11, 14, 21, 35, 70, 105)
_FORGOTTEN = (97, 91.4, 84.5, 79.9, 71.4, 60.4, 49.7, 43.9, 31.4, 22.7, 16.3)
BEFORE_RESTUDY = 0
# By retention interval in days: {gap in days: percent recalled}.
SPACING_2008: dict[int, dict[float, float]] = {
    BEFORE_RESTUDY: dict(zip(_GAPS, _FORGOTTEN, strict=True)),
    7: {0: 88.2, 1: 97.3, 2: 95.0, 7: 93.8, 21: 93.3, 105: 80.6},
    35: {0: 51.7, 1: 68.9, 4: 73.9, 7: 79.9, 11: 81.9, 21: 75.9, 105: 59.1},
    70: {0: 29.1, 1: 42.1, 7: 60.1, 14: 51.3, 21: 61.2, 105: 42.4},
    350: {0: 12.4, 1: 12.5, 7: 14.7, 21: 21.9, 35: 19.9, 70: 20.6, 105: 13.3},
}
RETENTIONS = (7, 35, 70, 350)
BEST_OBSERVED = (1, 11, 21, 21)

# By experiment: retention interval in days, and {gap in days: percent recalled}.
SPACING_2009: dict[str, tuple[int, dict[float, float]]] = {
    "1, Swahili words": (10, {0: 55, 1: 74, 2: 69, 4: 68, 7: 69, 14: 65}),
    "2a, obscure facts": (168, {0: 26, 1: 33, 7: 47, 28: 56, 84: 43, 168: 45}),
    "2b, object names": (168, {0: 8, 1: 9, 7: 14, 28: 26, 84: 19, 168: 17}),
}

DELAYS_MINUTES: FloatArray = np.array([19.0, 63, 525, 1440, 2880, 8640, 44640])
SAVINGS: dict[str, FloatArray] = {
    "Ebbinghaus": np.array([0.582, 0.442, 0.358, 0.337, 0.278, 0.254, 0.211]),
    "Mack": np.array([0.544, 0.432, 0.285, 0.316, 0.365, 0.309, 0.258]),
    "Seitz": np.array([0.442, 0.325, 0.270, 0.270, 0.286, 0.205, 0.201]),
    "Dros": np.array([0.472, 0.373, 0.276, 0.317, 0.230, 0.168, 0.041]),
}

# Seconds; rows: sentences about the same location (1 to 3), columns: about the same person.
FAN_TARGETS: FloatArray = np.array(
    [[1.111, 1.174, 1.222], [1.167, 1.198, 1.222], [1.153, 1.233, 1.357]]
)
FAN_FOILS: FloatArray = np.array(
    [[1.197, 1.221, 1.264], [1.250, 1.356, 1.291], [1.262, 1.471, 1.465]]
)
