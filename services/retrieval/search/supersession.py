"""Supersession in a ranking: what was superseded comes after what superseded it."""

from dataclasses import replace

import numpy as np

from schemas.parameters import Parameters
from services.readside.activation import Activations
from services.readside.columns import DELETED, Memories

# By how much, in nats, a successor comes before what it superseded.
SUPERSEDED_MARGIN = 0.1


def without_stale_facts(
    memories: Memories, parts: Activations, parameters: Parameters
) -> Activations:
    """Put what was superseded after its successor, which then matches at least as well.

    Only where both are among `memories`; one whose successor is not among them is penalised alike.
    """
    there = memories.states["status"] != DELETED
    rows = np.flatnonzero(memories.states["superseded_ms"].astype(bool) & there).tolist()
    if not rows:
        return parts
    row = {name: number for number, name in enumerate(memories.ids)}
    successor = {i: row.get(memories.successor(i) or "") for i in rows}
    # Whose successor was forgotten holds again.
    successor = {i: by for i, by in successor.items() if by is None or there[by]}
    superseded = np.array(list(successor), np.intp)
    # The oldest of a chain first: where a successor was superseded itself, the newest inherits all.
    successors = sorted(successor.items(), key=lambda pair: -_steps_behind(pair[0], successor))
    match, adjustment = parts.match.copy(), parts.adjustment.copy()
    for i, by in successors:
        if by is not None:
            lead = match[i] + parts.spreading[i] - match[by] - parts.spreading[by]
            match[by] += max(0.0, lead)
    adjustment[superseded] += parameters.superseded_nats
    parts = replace(parts, match=match)
    for i, by in reversed(successors):
        if by is not None:
            total = replace(parts, adjustment=adjustment).total
            adjustment[i] -= max(0.0, total[i] - total[by] + SUPERSEDED_MARGIN)
    return replace(parts, adjustment=adjustment)


def predecessors(memories: Memories, i: int) -> list[str]:
    """Ids of those among `memories` that one of them supersedes."""
    states = memories.states
    there = states["superseded_ms"].astype(bool) & (states["status"] != DELETED)
    superseded = np.flatnonzero(there).tolist()
    return [memories.ids[row] for row in superseded if memories.successor(row) == memories.ids[i]]


def _steps_behind(i: int, successor: dict[int, int | None]) -> int:
    """Count the successors of a memory; those that supersede each other count once."""
    seen: set[int] = set()
    at: int | None = i
    while at is not None and at not in seen:
        seen.add(at)
        at = successor.get(at)
    return len(seen)
