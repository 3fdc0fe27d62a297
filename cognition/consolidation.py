"""Changes to memories while nothing asks for them: replay, facts, downscaling, skills."""

from math import log

import numpy as np

from cognition.base_level import FloatArray
from cognition.errors import ParameterOutOfRange
from cognition.retrieval import need_probability

BISECTIONS = 53  # As many as a double between 0 and 1 has bits.


def replay_priority(
    base_levels: FloatArray,
    *,
    novelty: FloatArray,
    surprise: FloatArray,
    conflict: FloatArray,
    emotion: FloatArray,
) -> FloatArray:
    """The benefit of replaying each memory: the chance of need times the gain.

    need = 1 / (1 + e^-B), gain = 1 - prod_f (1 - f / 2) over the four features.

    Args:
        base_levels: B, nats, shape (memories,).
        novelty: 1 if no fact covers it yet, else .2; shape (memories,).
        surprise: 1 - the highest cosine to an older memory when it was stored, 0 to 1.
        conflict: 1 if contradicted, else 0.
        emotion: intensity I, 0 to 1.

    Returns:
        Shape (memories,), 0 to 1.

    Source: Mattar & Daw (2018), Nature Neuroscience 21:1609, need and gain. Differs: the gain is
    made of features, not of a value function.

    >>> zero = np.zeros(1)
    >>> replay_priority(
    ...     zero, novelty=np.ones(1), surprise=zero, conflict=zero, emotion=zero
    ... ).tolist()
    [0.25]
    """
    rest = np.ones_like(base_levels)
    for feature in (novelty, surprise, conflict, emotion):
        rest = rest * (1 - feature / 2)
    return need_probability(base_levels) * (1 - rest)


def replay_keys(
    priorities: FloatArray, uniforms: FloatArray, *, exponent: float = 0.6
) -> FloatArray:
    """Keys whose k largest are a draw of k memories without replacement.

    key_i = alpha ln(priority_i) - ln(-ln u_i): Gumbel noise makes the chance of being drawn first
    priority_i^alpha over the sum of all.

    Args:
        priorities: shape (memories,); 0 is never drawn before any other.
        uniforms: u, between 0 and 1, from a hash of slot and memory, so that a run that is repeated
            draws the same; shape (memories,).
        exponent: alpha.

    Returns:
        Shape (memories,), nats.

    Source: Schaul et al. (2016), Prioritized Experience Replay; Efraimidis & Spirakis (2006),
    Information Processing Letters 97:181, for the keys.

    >>> replay_keys(np.array([0.5, 0.5]), np.array([0.9, 0.1])).round(4).tolist()
    [1.8345, -1.2499]
    """
    with np.errstate(divide="ignore"):
        keys: FloatArray = exponent * np.log(priorities) - np.log(-np.log(uniforms))
    return keys


def fact_confidence(support: int, contradictions: int, *, quantile: float = 0.1) -> float:
    """Share of cases in which a fact holds, at least, with certainty 1 - quantile.

    The quantile of Beta(1 + support, 1 + contradictions): found by bisection, its distribution
    function being a binomial sum for whole numbers.

    Args:
        support: cases for it.
        contradictions: cases against it.
        quantile: how likely the share is smaller, between 0 and 1.

    Returns:
        0 to 1; above .5 the fact is worth writing down.

    Raises:
        ParameterOutOfRange: a count is negative, or the quantile is not between 0 and 1.

    Source: Laplace's rule of succession: the posterior of a share under a uniform prior.

    >>> [round(fact_confidence(*counts), 3) for counts in ((3, 0), (4, 1), (5, 1))]
    [0.562, 0.49, 0.547]
    """
    if min(support, contradictions) < 0 or not 0 < quantile < 1:
        raise ParameterOutOfRange(
            f"need counts >= 0 and 0 < quantile < 1, got {support}, {contradictions}, {quantile}"
        )
    low, high = 0.0, 1.0
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        if _share_below(middle, support, contradictions) < quantile:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _share_below(share: float, support: int, contradictions: int) -> float:
    """Distribution function of Beta(1 + support, 1 + contradictions): at least 1 + support
    successes in 1 + support + contradictions trials."""
    trials = 1 + support + contradictions
    successes = np.arange(1 + support, trials + 1)
    factorials = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, trials + 1)))])
    chances = (
        factorials[trials]
        - factorials[successes]
        - factorials[trials - successes]
        + successes * log(share)
        + (trials - successes) * np.log1p(-share)
    )
    return float(np.exp(chances).sum())


def downscaling_bias(
    last_used_seconds: FloatArray, *, run_began_seconds: float, factor: float = 0.9
) -> FloatArray:
    """The nats that the last downscaling takes from memories neither used nor replayed since.

    ln g where the last use is earlier than the run, else 0; never cumulative, which would be
    exponential forgetting on top of the power law.

    Args:
        last_used_seconds: last creation, recall, use, restore or rehearsal, shape (memories,).
        run_began_seconds: when the namespace's last run began.
        factor: g, above 0, at most 1.

    Returns:
        Shape (memories,), nats.

    Raises:
        ParameterOutOfRange: the factor is not between 0 and 1.

    Source: Tononi & Cirelli (2014), Neuron 81:12. Differs: as above.

    >>> downscaling_bias(np.array([10.0, 30.0]), run_began_seconds=20.0).round(3).tolist()
    [-0.105, 0.0]
    """
    if not 0 < factor <= 1:
        raise ParameterOutOfRange(f"need 0 < factor <= 1, got {factor}")
    return np.where(last_used_seconds < run_began_seconds, log(factor), 0.0)


def learnt_utility(rewards: FloatArray, *, learning_rate: float = 0.2, start: float = 0.0) -> float:
    """Utility of a skill after a series of rewards.

    U += alpha (R - U).

    Args:
        rewards: R, in the order in which they came, shape (rewards,).
        learning_rate: alpha, 0 to 1.
        start: U before the first.

    Returns:
        In the unit of the rewards.

    Source: Anderson et al. (2004), Psychological Review 111:1036, equation 8; ACT-R 7, `:ul`.

    >>> round(learnt_utility(np.array([10.0, 10.0])), 6)
    3.6
    """
    utility = start
    for reward in rewards.tolist():
        utility += learning_rate * (reward - utility)
    return utility
