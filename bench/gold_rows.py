"""The common parts of the rows of gold tables: a result, a tolerance, and reading numbers."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cognition.base_level import ACT_R, FloatArray, Kernel, base_level

TOLERANCE = 1e-9

NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eEdD][-+]?\d+)?"
_FIELD = re.compile(rf"(\w+)\s*=\s*(\[[^\]]*\]|\([^)]*\)|{NUMBER}|NIL\b|T\b)", re.IGNORECASE)
_NUMBER = re.compile(NUMBER)


class NotUnderstood(ValueError):
    """A row is of no kind that is known, or lacks an input; says which."""


@dataclass(frozen=True)
class Row:
    """One reference number, or list of numbers, and what the library gives for it."""

    name: str
    expected: tuple[float, ...]
    found: tuple[float, ...]
    tolerance: float = TOLERANCE
    # Moments of random samples, which only come near to what theory says.
    sampled: bool = False

    @property
    def error(self) -> float:
        """Largest absolute difference; infinite where the lengths differ."""
        if len(self.expected) != len(self.found):
            return float("inf")
        pairs = zip(self.expected, self.found, strict=True)
        return max((abs(expected - found) for expected, found in pairs), default=0.0)

    @property
    def passed(self) -> bool:
        """True within the tolerance; NaN never is."""
        return all(map(np.isfinite, self.found)) and self.error <= self.tolerance


@dataclass(frozen=True)
class Problem:
    """A row that was not understood, and why."""

    name: str
    reason: str


class Fields(dict[str, str]):
    """The `name=value` pairs of a text; what is missing is said by name."""

    def __init__(self, text: str) -> None:
        super().__init__(_FIELD.findall(text))
        self.text = text

    def number(self, name: str, default: float | None = None) -> float:
        """The field as a number."""
        if name not in self:
            if default is None:
                raise NotUnderstood(f"no {name}= in it")
            return default
        if not _NUMBER.fullmatch(self[name]):
            raise NotUnderstood(f"{name}={self[name]} is no number")
        return number(self[name])

    def numbers(self, name: str) -> FloatArray:
        """The field as a list of numbers, in brackets or parentheses, at least one."""
        if name not in self:
            raise NotUnderstood(f"no {name}= in it")
        found = _NUMBER.findall(self[name])
        if not found:
            raise NotUnderstood(f"{name}={self[name]} holds no numbers")
        return np.array([number(part) for part in found])

    def whole(self, name: str) -> int:
        """The field as a whole number."""
        value = self.number(name)
        if value != int(value):
            raise NotUnderstood(f"{name}={self[name]} is not whole")
        return int(value)


def number(text: str) -> float:
    """A number as Python, JSON or Lisp (1.0d0) writes it."""
    try:
        return float(text.lower().replace("d", "e"))
    except ValueError:
        raise NotUnderstood(f"{text!r} is no number") from None


def same(text: str, value: float) -> bool:
    """True where a number in a name is the one that the note says."""
    return abs(number(text) - value) <= TOLERANCE


def exact(
    times: FloatArray,
    now: float,
    decay_rates: FloatArray | float,
    *,
    kernel: Kernel = ACT_R,
) -> float:
    """Exact base level of one memory."""
    ages = now - np.asarray(times, np.float64)
    return float(
        base_level(
            ages,
            np.broadcast_to(np.asarray(decay_rates, np.float64), ages.shape),
            weights=np.ones(len(ages)),
            memory_of_trace=np.zeros(len(ages), np.intp),
            memories=1,
            kernel=kernel,
        )[0]
    )


def floats(values: Sequence[float] | FloatArray) -> tuple[float, ...]:
    """Plain floats."""
    return tuple(float(value) for value in values)
