"""Rows of a table like ACT-R's gold numbers: name, value and note, separated by tabs."""

import re
from collections.abc import Callable, Mapping
from functools import cache
from math import sqrt

import numpy as np

from bench.gold_rows import (
    NUMBER,
    TOLERANCE,
    Fields,
    NotUnderstood,
    Problem,
    Row,
    exact,
    number,
    same,
)
from cognition.base_level import ACT_R, FloatArray
from cognition.matching import partial_match
from cognition.noise import logistic_noise, noise_deviation
from cognition.reference.approximations import hybrid_base_level, optimised_base_level
from cognition.reference.inhibition import base_level_inhibition
from cognition.retrieval import retrieval_latency
from cognition.spacing import presentation_decays
from cognition.spreading import Links, association_strengths, weighted_spread

# Lisp takes a single-float logarithm of the fan.
SPREADING_TOLERANCE = 1e-7
# How far the mean of a sample may be from 0, for one scale and size: four standard errors.
MEAN_TOLERANCE, MEAN_SCALE, MEAN_COUNT = 0.004, 0.25, 200_000
# The same for the variance, over the variance; the cut of the tails costs .6 %.
VARIANCE_TOLERANCE, VARIANCE_CUT = 0.016, 0.006
SAMPLE_MAX = 2_000_000

# Slots that hold a source, by memory; a source is linked to itself once.
SPREADING_MEMORIES = {
    "F1": {"j1": 1, "j2": 1},
    "F2": {"j1": 1},
    "F3": {"j1": 1},
    "F4": {"j2": 1},
    "F5": {"j1": 2},
    "J1": {"j1": 1},
    "J2": {"j2": 1},
    "J4": {"j4": 1},
}
SPREADING_SLOTS = {"j1": 5, "j2": 2, "j4": 0}

RETRIEVAL_MEMORIES = {"F1": ("j1", "j2"), "F2": ("j1", "j3"), "F3": ("j3", "j2")}
RETRIEVAL_TIMES = {"F1": [900.0, 500.0, 0.0], "F2": [990.0, 0.0], "F3": [0.0]}
RETRIEVAL_SIMILARITIES = {frozenset({"j2", "j3"}): -0.4, frozenset({"j1", "j3"}): -1.0}

MATCHING_MEMORIES = {"F1": ("x1", "x2"), "F2": ("x2", "x2"), "F3": ("x3", "x3")}
MATCHING_SIMILARITIES = {frozenset({"x1", "x2"}): -0.3, frozenset({"x1", "x3"}): -0.7}
REQUESTS = {"1": ("x1", "x2", False), "2": ("x1", "x3", True)}

# A name shortens this activation: S = 1.6 over two sources with a fan of 2.
ACTIVATION_0_907 = 0.906852819440055

# What rows of one name leave out if the table holds only some of them.
NOTES = {
    "pa_paper": "times=(4844 252 126 0) now=5877 a=0.177 c=0.217",
    "pa_massed": "times=(30 20 10 0) now=86400 a=0.177 c=0.217",
    "pa_spaced": "times=(3000 2000 1000 0) now=86400 a=0.177 c=0.217",
    "inh_1s": "times=(100 0) now=101 ts=5.0 ds=1.0",
    "inh_10s": "times=(100 0) now=110 ts=5.0 ds=1.0",
    "inh_100s": "times=(100 0) now=200 ts=5.0 ds=1.0",
    "inh_1s_b": "times=(100 0) now=101 ts=10.0 ds=0.75",
}

Reader = Callable[[re.Match[str], Fields], float]


def check_table(text: str) -> list[Row | Problem]:
    """Each row of a table with what the library gives."""
    lines = [line.rstrip("\r").split("\t") for line in text.split("\n") if line.strip()]
    notes = dict(NOTES)
    for name, note in ((line[0], line[2]) for line in lines if len(line) > 2 and line[2].strip()):
        notes[_family(name)] = note
    return [_check(line, notes) for line in lines]


def _family(name: str) -> str:
    """Rows that share their inputs: `pa_paper_m` and `pa_paper_d2`."""
    return name.rpartition("_")[0]


def _check(line: list[str], notes: Mapping[str, str]) -> Row | Problem:
    name = line[0].strip()
    try:
        if len(line) < 2:
            raise NotUnderstood("no value; columns are separated by tabs")
        expected = number(line[1].strip())
        note = line[2] if len(line) > 2 and line[2].strip() else notes.get(_family(name), "")
        if match := re.fullmatch(NOISE, name):
            return _noise(name, expected, match)
        for pattern, reader in READERS.items():
            if match := re.fullmatch(pattern, name):
                return _row(name, expected, reader(match, Fields(note)))
        raise NotUnderstood("no kind of row has such a name")
    except ValueError as error:  # ours, or the model's about a parameter
        return Problem(name, str(error))


def _row(name: str, expected: float, found: float) -> Row:
    if name.startswith("latency"):
        return Row(name, (float(round(expected)),), (float(round(found)),), 0.0)
    spreading = name.startswith(("spread_", "full_S_", "full_A_"))
    return Row(name, (expected,), (found,), SPREADING_TOLERANCE if spreading else TOLERANCE)


def _times(fields: Fields, count: str | None = None) -> tuple[FloatArray, float]:
    times, now = fields.numbers("times"), fields.number("now")
    if count is not None and len(times) != int(count):
        raise NotUnderstood(f"the name says {count} presentations, the note {len(times)}")
    return times, now


def _decay(match: re.Match[str], fields: Fields) -> float:
    decay = fields.number("d", number(match["d"]))
    if not same(match["d"], decay):
        raise NotUnderstood(f"the name says d = {match['d']}, the note {decay}")
    return decay


def _form(fields: Fields, form: str) -> None:
    if fields.get("ol", form).upper() != form:
        raise NotUnderstood(f"the name says ol={form}, the note ol={fields['ol']}")


def _exact(match: re.Match[str], fields: Fields) -> float:
    _form(fields, "NIL")
    times, now = _times(fields, match["n"])
    return exact(times, now, _decay(match, fields))


def _optimised(match: re.Match[str], fields: Fields) -> float:
    _form(fields, "T")
    times, now = _times(fields, match["n"])
    lifetime = now - float(times.min())
    return float(optimised_base_level(len(times), lifetime, decay_rate=_decay(match, fields)))


def _hybrid(match: re.Match[str], fields: Fields) -> float:
    _form(fields, match["k"])
    times, now = _times(fields, match["n"])
    return float(
        hybrid_base_level(
            now - times,
            memory_of_trace=np.zeros(len(times), np.intp),
            decay_rates=np.array([_decay(match, fields)]),
            exact=int(match["k"]),
        )[0]
    )


def _young(_match: re.Match[str], fields: Fields) -> float:
    times, now = _times(fields)
    return exact(times, now, fields.number("d", 0.5))


def _spreading(match: re.Match[str], fields: Fields) -> float:
    sources = re.search(r"\bsources((?:\s+j[124])+)", fields.text)
    if not sources:
        raise NotUnderstood("no sources among j1, j2, j4 in it")
    return _spread(
        SPREADING_MEMORIES[match["memory"]],
        {name: SPREADING_SLOTS[name] for name in sources[1].split()},
        strength=fields.number("mas"),
        source_weight=fields.number("W", 1.0),
        clamped=fields.get("nsji", "NIL").upper() != "T",
    )


def _spread(
    slots: Mapping[str, int],
    slots_of_source: Mapping[str, int],
    *,
    strength: float,
    source_weight: float,
    clamped: bool = True,
) -> float:
    """Spreading to one memory; the weight is split evenly over the sources."""
    names = list(slots_of_source)
    linked = [i for i, name in enumerate(names) if name in slots]
    links = Links(
        memory=np.zeros(len(linked), np.intp),
        source=np.array(linked, np.intp),
        count=np.array([slots[names[i]] for i in linked], np.float64),
    )
    strengths = association_strengths(
        links.count,
        np.array([slots_of_source[names[i]] for i in linked], np.float64),
        strength=strength,
        clamped=clamped,
    )
    weights = np.full(len(names), source_weight / len(names))
    return float(weighted_spread(links, strengths, source_weights=weights, memories=1).total[0])


def _matching(match: re.Match[str], fields: Fields) -> float:
    similarities = dict(MATCHING_SIMILARITIES)
    for one, other, value in re.findall(rf"(x[123])(x[123])=({NUMBER})", fields.text):
        similarities[frozenset({one, other})] = number(value)
    first, second, negated = REQUESTS[match["request"]]
    a, b = MATCHING_MEMORIES[match["memory"]]
    return _penalty(
        ((a, first), (b, second)),
        similarities,
        mismatch_penalty=number(match["mp"]),
        negated=(False, negated),
    )


def _penalty(
    pairs: tuple[tuple[str, str], ...],
    similarities: Mapping[frozenset[str], float],
    *,
    mismatch_penalty: float,
    negated: tuple[bool, ...],
) -> float:
    found = [0.0 if a == b else similarities.get(frozenset({a, b}), -1.0) for a, b in pairs]
    match = partial_match(
        np.array([found]), mismatch_penalty=mismatch_penalty, negated=np.array(negated)
    )
    return float(match[0])


def _latency(match: re.Match[str], _fields: Fields) -> float:
    activation = ACTIVATION_0_907 if match["A"] == "0.907" else number(match["A"])
    seconds = retrieval_latency(
        activation, latency_factor=number(match["F"]), latency_exponent=number(match["f"])
    )
    return float(seconds) * 1000


def _spaced(match: re.Match[str], fields: Fields) -> float:
    times, now = _times(fields)
    times = np.sort(times)
    decays = presentation_decays(
        times,
        decay_rates=fields.number("a", 0.177),
        spacing_scale=fields.number("c", 0.217),
        kernel=ACT_R,
    )
    if match["what"] == "m":
        return exact(times, now, decays)
    which = int(match["what"][1:])
    if not 1 <= which <= len(times):
        raise NotUnderstood(f"there is no presentation {which} of {len(times)}")
    return float(decays[which - 1])


def _inhibition(match: re.Match[str], fields: Fields) -> float:
    times, now = _times(fields)
    term = float(
        base_level_inhibition(
            now - float(times.max()),
            scale_seconds=fields.number("ts"),
            decay_rate=fields.number("ds"),
        )
    )
    return term if match["what"] == "term" else term + exact(times, now, fields.number("d", 0.5))


def _retrieval(match: re.Match[str], _fields: Fields) -> float:
    memory = match["memory"]
    slots = RETRIEVAL_MEMORIES[memory]
    parts = {
        "B": exact(np.array(RETRIEVAL_TIMES[memory]), 1000.0, 0.5),
        "S": _spread(
            {name: slots.count(name) for name in slots},
            {"j1": 2, "j2": 2},
            strength=2.0,
            source_weight=1.0,
        ),
        "P": _penalty(
            ((slots[0], "j1"), (slots[1], "j2")),
            RETRIEVAL_SIMILARITIES,
            mismatch_penalty=1.5,
            negated=(False, False),
        ),
    }
    return sum(parts.values()) if match["part"] == "A" else parts[match["part"]]


def _noise(name: str, expected: float, match: re.Match[str]) -> Row:
    """A moment of a sample: the table's and ours, each against what theory says."""
    scale, count = number(match["s"]), int(match["n"])
    if not 2 <= count <= SAMPLE_MAX or scale <= 0:
        raise NotUnderstood(f"need s > 0 and 2 to {SAMPLE_MAX:,} draws, got {scale} and {count}")
    size = sqrt(MEAN_COUNT / count)
    mean, variance = _moments(scale, count)
    if match["moment"] == "mean":
        tolerance = MEAN_TOLERANCE * scale / MEAN_SCALE * size
        return Row(name, (expected, mean), (0.0, 0.0), tolerance, sampled=True)
    theory = noise_deviation(scale) ** 2
    tolerance = (VARIANCE_CUT + VARIANCE_TOLERANCE * size) * theory
    return Row(name, (expected, variance), (theory, theory), tolerance, sampled=True)


@cache
def _moments(scale: float, count: int) -> tuple[float, float]:
    sample = logistic_noise(1, b"gold", [i.to_bytes(4, "big") for i in range(count)], scale=scale)
    return float(sample.mean()), float(sample.var())


NOISE = rf"noise_(?P<moment>mean|var)_s(?P<s>{NUMBER})_n(?P<n>\d+)"
_D = rf"d(?P<d>{NUMBER})"
READERS: dict[str, Reader] = {
    rf"bl_full_(?P<n>\d+)_{_D}": _exact,
    rf"bl_ol_t_(?P<n>\d+)_{_D}": _optimised,
    rf"bl_hyb(?P<k>\d+)_(?P<n>\d+)_{_D}": _hybrid,
    r"bl_minage_.*": _young,
    r"spread_\w+_(?P<memory>F[1-5]|J[124])": _spreading,
    rf"pm_mp(?P<mp>{NUMBER})_req(?P<request>[12])_(?P<memory>F[1-3])": _matching,
    rf"latency_ms_lf(?P<F>{NUMBER})_le(?P<f>{NUMBER})_A(?P<A>{NUMBER})": _latency,
    r"pa_\w+_(?P<what>m|d\d+)": _spaced,
    r"inh_\w+_(?P<what>term|A)": _inhibition,
    r"full_(?P<part>[BSPA])_(?P<memory>F[1-3])": _retrieval,
}
