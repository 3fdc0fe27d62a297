"""Worked examples: `{kind: {inputs: value}}`, the inputs written as people write them."""

import json
import re
from ast import literal_eval
from collections.abc import Callable, Sequence
from math import log, sqrt

import numpy as np

from bench.gold_rows import (
    NUMBER,
    TOLERANCE,
    Fields,
    NotUnderstood,
    Problem,
    Row,
    exact,
    floats,
    number,
)
from cognition.base_level import ACT_R, FloatArray, Kernel
from cognition.consolidation import learnt_utility
from cognition.crossing import crossing_time
from cognition.hops import Graph, walk_probabilities
from cognition.matching import cosine_calibration, cosine_match, partial_match
from cognition.noise import logistic_quantile, noise_deviation
from cognition.reference.alternatives import (
    core_affect,
    emotional_activation,
    environment_odds,
    learnt_association,
    mood_decay_rate,
    predictive_performance,
    source_strength,
)
from cognition.reference.approximations import hybrid_base_level, optimised_base_level
from cognition.reference.inhibition import base_level_inhibition
from cognition.retrieval import (
    CHOICE_SCALE,
    age_at_probability,
    blended,
    choice_probabilities,
    need_probability,
    retrieval_latency,
    retrieval_probability,
)
from cognition.spacing import presentation_decays
from cognition.spreading import association_strengths

H4 = np.array([0.0, 126.0, 252.0, 4844.0])
H4_NOW = 5877.0
MASSED = np.array([0.0, 10.0, 20.0, 30.0])
SPACED = np.array([0.0, 1000.0, 2000.0, 3000.0])
DAY_SECONDS = 86_400.0
PAPER_DECAY, PAPER_SPACING = 0.177, 0.217
UNIT_SECONDS = {"second": 1.0, "minute": 60.0, "hour": 3600.0, "day": 86_400.0, "week": 604_800.0}

# What keys round to six digits.
EXACT = {
    ("t", "0.353553"): sqrt(2) * 0.25,
    ("A", "-0.549306"): -log(sqrt(3)),
    ("A", "-0.346574"): -log(sqrt(2)),
}

GRAPH_LINKS = ((0, 1), (0, 2), (1, 3), (3, 4), (4, 5), (2, 5))
GRAPH_NODES = 6
REWARDS = (1.0, -0.5, 0.8)
UTILITY_REWARDS = (10.0, 10.0, 4.0)

Reader = Callable[[Fields], float | Sequence[float] | FloatArray]


def check_examples(text: str) -> list[Row | Problem]:
    """Each example of a JSON object with what the library gives."""
    try:
        kinds = json.loads(text)
    except json.JSONDecodeError as error:
        return [Problem("the file", f"is no JSON: {error}")]
    if not isinstance(kinds, dict) or not all(isinstance(rows, dict) for rows in kinds.values()):
        return [Problem("the file", "is no object of objects, {kind: {inputs: value}}")]
    return [_check(kind, key, value) for kind, rows in kinds.items() for key, value in rows.items()]


def _check(kind: str, key: str, value: object) -> Row | Problem:
    name = f"{kind}: {key.strip()}"
    try:
        if kind not in READERS:
            raise NotUnderstood(f"kinds are {', '.join(READERS)}")
        expected = _values(value)
        found = READERS[kind](Fields(key))
        values = floats([found] if isinstance(found, float) else found)
        scale = max(map(abs, expected)) if kind == "crossing_time" else 1.0
        return Row(name, expected, values, TOLERANCE * scale)
    except (ValueError, SyntaxError, TypeError) as error:  # also the model's, about a parameter
        return Problem(name, str(error))


def _values(value: object) -> tuple[float, ...]:
    found = literal_eval(value) if isinstance(value, str) else value
    many = list(found) if isinstance(found, list | tuple) else [found]
    numbers = [float(each) for each in many if isinstance(each, int | float)]
    if not numbers or len(numbers) < len(many):
        raise NotUnderstood(f"{value!r} is neither a number nor a list of numbers")
    return tuple(numbers)


def _decay(fields: Fields) -> float:
    return fields.number("d", 0.5)


def _values_of(fields: Fields, name: str) -> FloatArray:
    """Numbers of a field, those exactly that it rounds."""
    inputs = re.findall(NUMBER, fields.get(name, ""))
    if not inputs:
        raise NotUnderstood(f"no {name}= in it")
    return np.array([EXACT.get((name, each), number(each)) for each in inputs])


def _seconds(fields: Fields, pattern: str) -> float:
    """A time as in `1 day`."""
    units = "|".join(UNIT_SECONDS)
    match = re.search(pattern + rf"\s+({NUMBER})\s+({units})s?\b", fields.text)
    if not match:
        raise NotUnderstood("no time like `1 day` in it")
    return number(match[1]) * UNIT_SECONDS[match[2]]


def _base_level(fields: Fields) -> float:
    return exact(fields.numbers("times"), fields.number("now"), _decay(fields))


def _optimised(fields: Fields) -> float:
    return float(
        optimised_base_level(fields.number("n"), fields.number("L"), decay_rate=_decay(fields))
    )


def _hybrid(fields: Fields) -> FloatArray:
    times = fields.numbers("times")
    return hybrid_base_level(
        fields.number("now") - times,
        memory_of_trace=np.zeros(len(times), np.intp),
        decay_rates=np.array([_decay(fields)]),
        exact=fields.whole("k"),
    )


def _units(fields: Fields) -> float:
    unit = fields.text.strip().partition(":")[0].removesuffix("s")
    if unit not in UNIT_SECONDS:
        raise NotUnderstood(f"{unit!r} is none of {', '.join(UNIT_SECONDS)}")
    kernel = Kernel(
        fresh_activation=0.0,
        age_seconds_min=ACT_R.age_seconds_min,
        onset_seconds=0.0,
        unit_seconds=UNIT_SECONDS[unit],
    )
    level = exact(H4, H4_NOW, _decay(fields), kernel=kernel)
    return level - exact(H4, H4_NOW, _decay(fields)) if "shift" in fields.text else level


def _single_trace(fields: Fields) -> float:
    return exact(np.zeros(1), _seconds(fields, r"\baccess"), _decay(fields))


def _threshold(fields: Fields) -> float:
    match = re.search(rf"\bprob(?:ability)?\s+({NUMBER})", fields.text)
    if not match:
        raise NotUnderstood("no `recall prob` in it")
    return age_at_probability(
        number(match[1]),
        threshold=fields.number("tau"),
        noise_scale=fields.number("s"),
        decay_rate=_decay(fields),
        kernel=ACT_R,
    )


def _association(fields: Fields) -> float:
    return float(
        association_strengths(
            fields.number("slots_ij"),
            fields.number("slots_j"),
            strength=fields.number("S"),
            clamped=fields.get("nsji", "nil").lower() != "t",
        )
    )


def _spreading(fields: Fields) -> float:
    match = re.search(rf"\bfans?\s+({NUMBER}(?:(?:,\s*|\s+and\s+|\s+){NUMBER})*)", fields.text)
    if not match:
        raise NotUnderstood("no fans in it")
    fans = np.array([number(each) for each in re.findall(NUMBER, match[1])])
    sources = re.search(r"\b(\d+) sources?\b", fields.text)
    if sources and int(sources[1]) != len(fans):
        raise NotUnderstood(f"{sources[1]} sources, but {len(fans)} fans")
    strengths = association_strengths(1.0, fans - 1, strength=fields.number("S"))
    return float(fields.number("W", 1.0) / len(fans) * strengths.sum())


def _matching(fields: Fields) -> FloatArray:
    return partial_match(fields.numbers("sims")[None], mismatch_penalty=fields.number("mp"))


def _noise(fields: Fields) -> float:
    scale = fields.number("s")
    if "quantile" in fields.text:
        return float(logistic_quantile(fields.number("p"), scale=scale))
    deviation = noise_deviation(scale)
    if re.search(r"\bsd\b", fields.text):
        return deviation
    if "variance" in fields.text:
        return deviation**2
    raise NotUnderstood("neither sd, variance nor quantile")


def _probability(fields: Fields) -> float:
    activation, threshold = fields.number("A"), fields.number("tau")
    return float(
        retrieval_probability(activation, threshold=threshold, noise_scale=fields.number("s"))
    )


def _latency(fields: Fields) -> float:
    failed = "failure" in fields.text
    return float(
        retrieval_latency(
            -np.inf if failed else fields.number("A"),
            threshold=fields.number("tau") if failed else -np.inf,
            latency_factor=fields.number("F"),
            latency_exponent=fields.number("f", 1.0),
        )
    )


def _choice(fields: Fields) -> float:
    temperature = CHOICE_SCALE * fields.number("s")
    return float(choice_probabilities(_values_of(fields, "A"), temperature=temperature)[0])


def _decays(fields: Fields, times: FloatArray) -> FloatArray:
    return presentation_decays(
        times,
        decay_rates=fields.number("a", PAPER_DECAY),
        spacing_scale=fields.number("c", PAPER_SPACING),
        kernel=ACT_R,
    )


def _spacing(fields: Fields) -> float | Sequence[float] | FloatArray:
    if "plain" in fields.text:
        return [exact(times, DAY_SECONDS, _decay(fields)) for times in (MASSED, SPACED)]
    times = fields.numbers("times") if "times" in fields or "now" in fields else SPACED
    decays = _decays(fields, times)
    if "decays" in fields.text:
        return decays
    return exact(times, fields.number("now"), decays)


def _inhibition(fields: Fields) -> float:
    scale, decay = fields.number("ts"), fields.number("ds")
    return float(base_level_inhibition(fields.number("age"), scale_seconds=scale, decay_rate=decay))


def _blending(fields: Fields) -> float:
    values, activations = fields.numbers("values"), _values_of(fields, "A")
    if len(values) != len(activations):
        raise NotUnderstood(f"{len(values)} values, but {len(activations)} activations")
    return blended(values, activations, temperature=float(_values_of(fields, "t")[0]))


def _mood(fields: Fields) -> float:
    decay = mood_decay_rate(
        _decay(fields), arousal=fields.number("arousal"), balance=fields.number("a_mid")
    )
    return exact(np.zeros(1), _seconds(fields, r"\bafter"), decay)


def _intensity(fields: Fields) -> float:
    return emotional_activation(
        fields.number("B"),
        fields.number("S"),
        intensity=fields.number("I"),
        weight=fields.number("gamma"),
    )


def _rewards_until(fields: Fields, rewards: tuple[float, ...]) -> FloatArray:
    """The rewards up to the last one with the value that the key names."""
    match = re.search(rf"\breward\s+({NUMBER})", fields.text)
    if not match or number(match[1]) not in rewards:
        raise NotUnderstood(f"no reward out of {rewards} in it")
    return np.array(rewards[: len(rewards) - rewards[::-1].index(number(match[1]))])


def _affect(fields: Fields) -> Sequence[float]:
    return core_affect(_rewards_until(fields, REWARDS), learning_rate=fields.number("alpha"))


def _utility(fields: Fields) -> float:
    return learnt_utility(
        _rewards_until(fields, UTILITY_REWARDS),
        learning_rate=fields.number("alpha"),
        start=fields.number("U0", 0.0),
    )


def _performance(fields: Fields) -> float:
    return predictive_performance(
        fields.number("now") - fields.numbers("times"),
        learning=fields.number("c"),
        recency=fields.number("x"),
        decay_intercept=fields.number("b"),
        decay_slope=fields.number("m"),
    )


def _source_strength(fields: Fields) -> float:
    return source_strength(
        fields.numbers("times"),
        fields.number("now"),
        increment=fields.number("delta"),
        decay_rate=fields.number("d"),
        unit_seconds=fields.number("tau"),
    )


def _environment(fields: Fields) -> float:
    return environment_odds(fields.number("n"), fields.number("t"))


def _crossing(fields: Fields) -> float:
    paper = "P&A" in fields.text
    times = H4 if paper else fields.numbers("times")
    decays = _decays(fields, times) if paper else _decay(fields)
    return crossing_time(times, decays, threshold=fields.number("tau"), kernel=ACT_R)


def _log_odds(fields: Fields) -> float:
    return float(need_probability(fields.number("A")))


def _association_learning(fields: Fields) -> float:
    if match := re.search(r"(\d+)/(\d+) vs (\d+)/(\d+)", fields.text):
        a, of_a, b, of_b = map(float, match.groups())
        return learnt_association((a, of_a), (b, of_b))
    a, b, c, d = (fields.number(name) for name in "abcd")
    return learnt_association((a, a + c), (b, b + d))


def _multi_hop(fields: Fields) -> FloatArray:
    source = re.search(r"\bsource (\d)", fields.text)
    ends = np.array(GRAPH_LINKS)
    graph = Graph(
        origin=np.concatenate([ends[:, 0], ends[:, 1]]),
        target=np.concatenate([ends[:, 1], ends[:, 0]]),
        links=np.ones(2 * len(ends)),
        nodes=GRAPH_NODES,
    )
    shares = walk_probabilities(
        graph,
        int(source[1]) if source else 0,
        hops=fields.whole("hops") if "hops" in fields else 3,
        damping=fields.number("alpha", 0.5),
    )
    if "S_" not in fields.text:
        return shares
    with np.errstate(divide="ignore"):
        return np.maximum(0.0, np.log(shares * GRAPH_NODES))


def _calibration(fields: Fields) -> float:
    calibration = cosine_calibration(
        fields.number("mu1", 0.316),
        fields.number("mu0", 0.001),
        deviation=fields.number("sd", 0.119),
    )
    if "cos" in fields:
        weight, neutral = calibration.weight, calibration.neutral
        return float(cosine_match(fields.numbers("cos"), weight=weight, neutral=neutral)[0])
    return calibration.neutral if "neutral" in fields.text else calibration.weight


READERS: dict[str, Reader] = {
    "base_level": _base_level,
    "optimized": _optimised,
    "hybrid": _hybrid,
    "units": _units,
    "single_trace": _single_trace,
    "threshold": _threshold,
    "S_ji": _association,
    "spreading": _spreading,
    "partial_match": _matching,
    "noise": _noise,
    "recall_prob": _probability,
    "latency": _latency,
    "choice": _choice,
    "pavlik_anderson": _spacing,
    "inhibition": _inhibition,
    "blending": _blending,
    "emotion_phi": _mood,
    "emotion_intensity": _intensity,
    "core_affect": _affect,
    "ppe": _performance,
    "sac": _source_strength,
    "environment_gpe": _environment,
    "crossing_time": _crossing,
    "log_odds": _log_odds,
    "assoc_learning": _association_learning,
    "multi_hop": _multi_hop,
    "utility": _utility,
    "cosine_llr": _calibration,
}
