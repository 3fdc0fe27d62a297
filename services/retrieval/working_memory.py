"""Working memory: what a namespace is busy with right now."""

import numpy as np

from schemas.parameters import Parameters
from services.readside.activation import activations
from services.readside.columns import ACTIVE, Memories
from services.readside.layout import Kind, of_kinds

# Memories accessed last. Reads of working memory and searches choose among the same.
CHOSEN_FROM = 100
# What was merely found is not in anyone's focus: else a search would steer the next one.
DELIBERATE: tuple[Kind, ...] = ("creation", "recall", "used", "restore")


def focus_of(memories: Memories, now_ms: int, parameters: Parameters) -> dict[int, float]:
    """Rows of the memories in focus, the strongest first, with their activation.

    Of the active memories that were stored or used on purpose within `focus_seconds`, the
    `focus_capacity` with the highest activation. Of equal ones the one used last comes first. What
    was made of others (a fact that a run has learnt) counts only once it is used itself.

    Source: Cowan (2001), Behavioral and Brain Sciences 24:87, and Miller's seven for the capacity;
    activation decides what is held, as in Anderson, Reder & Lebiere (1996), Cognitive Psychology
    30:221.
    """
    ids = memories.traces["id"]
    derived = np.zeros(len(memories), np.bool_)
    derived[memories.memory_of_trace[of_kinds(ids, "inherited")]] = True
    meant = of_kinds(ids, *DELIBERATE) & (memories.traces["time_ms"] <= now_ms)
    meant &= ~(of_kinds(ids, "creation") & derived[memories.memory_of_trace])
    last_ms = np.full(len(memories), np.iinfo(np.int64).min)
    np.maximum.at(last_ms, memories.memory_of_trace[meant], memories.traces["time_ms"][meant])
    since_ms = now_ms - parameters.focus_seconds * 1000
    inside = (last_ms >= since_ms) & (memories.at_present(now_ms).states["status"] == ACTIVE)
    rows = np.flatnonzero(inside)
    strength = activations(memories.only(inside), now_ms, parameters).total
    best = np.lexsort((-last_ms[rows], -strength))[: parameters.focus_capacity]
    return {int(rows[i]): float(strength[i]) for i in best}
