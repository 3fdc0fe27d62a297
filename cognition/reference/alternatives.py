"""Published equations that the service does not use, kept to compare with: other accounts of
spacing, need, emotion and association."""

from math import e, log

import numpy as np

from cognition.base_level import FloatArray
from cognition.errors import ParameterOutOfRange


def mood_decay_rate(
    decay_rate: float, *, arousal: FloatArray | float, balance: float = 0.5
) -> FloatArray:
    """Decay slowed by arousal without a floor, as published.

    d' = d (1 - arousal / a_mid).

    Args:
        decay_rate: d without emotion.
        arousal: 0 to 1, below a_mid, shape (traces,) or a number.
        balance: a_mid, the arousal at which nothing would ever fade.

    Returns:
        Shape (traces,), no unit.

    Raises:
        ParameterOutOfRange: arousal reaches a_mid, where memories never fade or even grow.

    Source: Cochran, Lee & Chown (2006), Proceedings of CogSci 28; Dancy (2013), Biologically
    Inspired Cognitive Architectures 6.

    >>> float(mood_decay_rate(0.5, arousal=0.2))
    0.3
    """
    felt = np.asarray(arousal, np.float64)
    if np.any(felt >= balance):
        raise ParameterOutOfRange(f"need arousal below {balance}, got {arousal}")
    rates: FloatArray = decay_rate * (1 - felt / balance)
    return rates


def emotional_activation(
    base_level: float, spreading: float, *, intensity: float, weight: float
) -> float:
    """Activation with an emotional term of its own.

    A = B + S + gamma I.

    Args:
        base_level: B, nats.
        spreading: S, nats.
        intensity: I, 0 to 1.
        weight: gamma, nats.

    Returns:
        A, nats.

    Source: Smith et al. (2021), emotional intensity in the activation equation.

    >>> emotional_activation(-1.0, 0.5, intensity=0.5, weight=2.0)
    0.5
    """
    return base_level + spreading + weight * intensity


def core_affect(rewards: FloatArray, *, learning_rate: float = 0.2) -> tuple[float, float]:
    """Valuation and arousal that follow a series of rewards.

    V += alpha (R - V), Ar += alpha (|R| - Ar), both from 0.

    Args:
        rewards: R, in the order in which they came, shape (rewards,).
        learning_rate: alpha, 0 to 1.

    Returns:
        V and Ar after the last one.

    Source: Juvina, Larue & Hough (2018), Cognitive Systems Research 48:4, core affect in ACT-R.

    >>> core_affect(np.array([1.0]))
    (0.2, 0.2)
    """
    valuation = arousal = 0.0
    for reward in rewards.tolist():
        valuation += learning_rate * (reward - valuation)
        arousal += learning_rate * (abs(reward) - arousal)
    return valuation, arousal


def predictive_performance(
    ages_seconds: FloatArray,
    *,
    learning: float = 0.1,
    recency: float = 0.6,
    decay_intercept: float = 0.04,
    decay_slope: float = 0.08,
) -> float:
    """Activation in the predictive performance equation.

    n^c T^-d_n, T = sum_i w_i age_i with w_i ~ age_i^-x, d_n = b + m mean(1 / ln(lag + e)) over the
    lags between neighbours; d_1 = b.

    Args:
        ages_seconds: of the presentations, above 0, oldest first, shape (presentations,).
        learning: c.
        recency: x.
        decay_intercept: b.
        decay_slope: m.

    Returns:
        No unit.

    Source: Walsh et al. (2018), Cognitive Science 42:644.

    >>> round(predictive_performance(np.array([86_400.0])), 10)
    0.6346575492
    """
    weights = ages_seconds**-recency
    elapsed = float(weights @ ages_seconds / weights.sum())
    lags = -np.diff(ages_seconds)
    spread = float(np.mean(1 / np.log(lags + e))) if len(lags) else 0.0
    count = len(ages_seconds)
    return float(count**learning * elapsed ** -(decay_intercept + decay_slope * spread))


def source_strength(
    times_seconds: FloatArray,
    now_seconds: float,
    *,
    increment: float = 0.4,
    decay_rate: float = 0.14,
    unit_seconds: float = 1.0,
) -> float:
    """Strength in the source of activation confusion model.

    Each study adds delta (1 - B), B the strength at that moment; what it added decays as
    (1 + age / tau)^-d.

    Args:
        times_seconds: of the studies, ascending, shape (studies,).
        now_seconds: the moment asked, no earlier than the last.
        increment: delta.
        decay_rate: d.
        unit_seconds: tau.

    Returns:
        0 to 1.

    Source: Popov & Reder (2020), Psychological Review 127:1.

    >>> round(source_strength(np.array([0.0]), 10.0), 10)
    0.2859334836
    """
    added = np.zeros(len(times_seconds))
    moments = np.append(times_seconds, now_seconds)
    strength = 0.0
    for i, moment in enumerate(moments):
        ages = moment - times_seconds[:i]
        strength = float(added[:i] @ (1 + ages / unit_seconds) ** -decay_rate)
        if i < len(added):
            added[i] = increment * (1 - strength)
    return strength


def environment_odds(
    count: float,
    recency: float,
    *,
    scale: float = 0.021,
    frequency_exponent: float = 0.575,
    recency_exponent: float = 0.608,
) -> float:
    """Odds that something is needed, as measured in texts people wrote.

    odds = q n^f t^-r.

    Args:
        count: n, how often it occurred so far.
        recency: t, how many texts ago it occurred last.
        scale: q.
        frequency_exponent: f.
        recency_exponent: r.

    Returns:
        Odds.

    Source: Anderson & Schooler (1991), Psychological Science 2:396, the environment's own
    frequency and recency.

    >>> round(environment_odds(5, 10), 10)
    0.0130655305
    """
    return float(scale * count**frequency_exponent * recency**-recency_exponent)


def learnt_association(with_cue: tuple[float, float], without_cue: tuple[float, float]) -> float:
    """Strength of association from counts: how much a cue raises the odds of need.

    S_ji = ln((a / a') / (b / b')).

    Args:
        with_cue: a and a': how often needed while the cue was there, out of how often it was there.
        without_cue: b and b': the same without it, or in all.

    Returns:
        Nats.

    Source: Anderson (1990), The Adaptive Character of Thought, chapter 2.

    >>> round(learnt_association((11, 32), (11, 1114)), 6)
    3.549977
    """
    return log((with_cue[0] / with_cue[1]) / (without_cue[0] / without_cue[1]))
