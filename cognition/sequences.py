"""Sequences that are done again and again in the same order: the ground of a skill."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cognition.errors import ParameterOutOfRange

SUPPORT_MIN = 3
LENGTH_MAX = 8
GAP_MAX = 1  # So many other steps may come between two of a pattern.
PATTERNS_MAX = 20_000


@dataclass(frozen=True)
class Pattern:
    """A frequent sequence.

    Args:
        steps: the symbols in order.
        places: for each sequence that shows it, its number and the places of the steps in it, the
            first time it does.
    """

    steps: tuple[int, ...]
    places: tuple[tuple[int, tuple[int, ...]], ...]

    @property
    def support(self) -> int:
        """The number of sequences that show it.

        Args: none.

        Returns:
            A count, at least 1.

        Source: Agrawal & Srikant (1995), Proceedings of ICDE 11:3, the support of a sequence.
        """
        return len(self.places)

    @property
    def worth(self) -> int:
        """The saving by having it as one thing: support (length - 1) - length.

        Args: none.

        Returns:
            Symbols saved; negative if it costs more than it saves.

        Source: Rissanen (1978), Automatica 14:465, minimum description length.
        """
        return self.support * (len(self.steps) - 1) - len(self.steps)


def frequent_sequences(
    sequences: Sequence[Sequence[int]],
    *,
    support_min: int = SUPPORT_MIN,
    length_max: int = LENGTH_MAX,
    gap_max: int = GAP_MAX,
) -> list[Pattern]:
    """Closed frequent sequential patterns, the most useful first.

    A pattern occurs in a sequence if its steps do, in order, with at most `gap_max` others between
    two of them. Closed: no longer pattern with the same support contains it.

    Args:
        sequences: symbols, one sequence for each session.
        support_min: so many sequences at least.
        length_max: steps of a pattern, at most.
        gap_max: see above.

    Returns:
        Patterns of at least two steps, by worth, then support, then steps.

    Raises:
        ParameterOutOfRange: the support is below 1, the length below 2, or the gap negative.

    Source: Pei et al. (2004), IEEE Transactions on Knowledge and Data Engineering 16:1424
    (PrefixSpan); Wang & Han (2004), Proceedings of ICDE 20:79, for closed patterns; minimum
    description length for the worth. Differs: a bound on gaps.

    >>> found = frequent_sequences([[1, 2, 3], [1, 2, 9, 3], [0, 1, 2, 3]])
    >>> [(pattern.steps, pattern.support) for pattern in found]
    [((1, 2, 3), 3)]
    """
    if support_min < 1 or length_max < 2 or gap_max < 0:
        raise ParameterOutOfRange(
            f"need support >= 1, length >= 2, gap >= 0, got {support_min}, {length_max}, {gap_max}"
        )
    found: list[Pattern] = []
    starts: dict[int, list[tuple[int, tuple[int, ...]]]] = {}
    for number, sequence in enumerate(sequences):
        for place, symbol in enumerate(sequence):
            starts.setdefault(symbol, []).append((number, (place,)))
    # Depth first; the stack holds (steps, all places of them).
    stack: list[tuple[tuple[int, ...], list[tuple[int, tuple[int, ...]]]]] = [
        ((symbol,), places) for symbol, places in sorted(starts.items())
    ]
    while stack and len(found) < PATTERNS_MAX:
        steps, places = stack.pop()
        if _support(places) < support_min:
            continue
        if len(steps) > 1:
            found.append(Pattern(steps, _first(places)))
        if len(steps) < length_max:
            grown = _extended(sequences, places, gap_max)
            stack += [((*steps, symbol), more) for symbol, more in sorted(grown.items())]
    closed = [pattern for pattern in found if not _absorbed(pattern, found)]
    return sorted(closed, key=lambda each: (-each.worth, -each.support, each.steps))


def _extended(
    sequences: Sequence[Sequence[int]],
    places: Iterable[tuple[int, tuple[int, ...]]],
    gap_max: int,
) -> dict[int, list[tuple[int, tuple[int, ...]]]]:
    grown: dict[int, list[tuple[int, tuple[int, ...]]]] = {}
    for number, where in places:
        last = where[-1]
        for place in range(last + 1, min(last + gap_max + 2, len(sequences[number]))):
            symbol = sequences[number][place]
            grown.setdefault(symbol, []).append((number, (*where, place)))
    # One way to each end is enough: what follows depends on the end alone.
    return {
        symbol: list({(number, where[-1]): (number, where) for number, where in more}.values())
        for symbol, more in grown.items()
    }


def _support(places: Iterable[tuple[int, tuple[int, ...]]]) -> int:
    return len({number for number, _ in places})


def _first(
    places: Iterable[tuple[int, tuple[int, ...]]],
) -> tuple[tuple[int, tuple[int, ...]], ...]:
    first: dict[int, tuple[int, ...]] = {}
    for number, where in sorted(places):
        first.setdefault(number, where)
    return tuple(first.items())


def _absorbed(pattern: Pattern, others: Iterable[Pattern]) -> bool:
    """True where a longer pattern of the same support contains it."""
    return any(
        len(other.steps) > len(pattern.steps)
        and other.support == pattern.support
        and _contains(other.steps, pattern.steps)
        for other in others
    )


def _contains(longer: Sequence[int], shorter: Sequence[int]) -> bool:
    rest = iter(longer)
    return all(symbol in rest for symbol in shorter)
