"""Costs for each memory, what grows, and latencies held against the same round's searches alone."""

import os
from dataclasses import replace

import numpy as np
import pytest

from bench.maintenance import bounds
from bench.maintenance.figures import Cost, Run, growth, latencies, typical
from bench.maintenance.process import Process, memory_mib
from services.maintenance import snapshot as episodes
from services.maintenance.jobs import extracting


def run(seconds: float, cpu: float, *, peak_mib: float = 300.0) -> Run:
    return Run(
        seconds=seconds,
        cpu_seconds={"maintenance": cpu, "retrieval": 1.0},
        events=10,
        idle_mib=200.0,
        peak_mib=peak_mib,
        report={},
    )


def cost(memories: int, cpu: float, *, job: str = "decay") -> Cost:
    return Cost(
        job=job,
        memories=memories,
        touched=memories,
        looked_at=memories,
        run=run(2.0, cpu),
        bound_seconds={"read": 0.25, "append": 0.75},
    )


def test_a_cost_is_divided_by_its_memories_and_held_against_the_sum_of_its_parts() -> None:
    found = replace(cost(10_000, 1.0), touched=1_000)

    assert found.ms_per_memory == pytest.approx(2.0)
    assert found.cpu_ms_per_memory == pytest.approx(1.0)
    assert found.bound == pytest.approx(1.0)
    assert found.times_bound == pytest.approx(2.0)


def test_only_what_costs_more_for_each_memory_is_growth() -> None:
    flat = [cost(1_000, 1.0), cost(10_000, 9.0), cost(100_000, 100.0)]
    grown = [cost(1_000, 1.0, job="other"), cost(10_000, 30.0, job="other")]

    found = growth([*flat, *grown])

    assert len(found) == 1
    assert "other: 10,000 memories cost 3.0 times" in found[0]


def test_the_typical_run_is_the_median_and_the_most_memory() -> None:
    found = typical([run(1, 5), run(3, 1, peak_mib=900), run(2, 3)])

    assert found.seconds == 2
    assert found.cpu_seconds == {"maintenance": 3, "retrieval": 1}
    assert found.peak_mib == 900


def test_latencies_are_held_against_the_same_round_so_that_a_slow_one_does_not_count() -> None:
    quick = {("alone", "same"): [1.0, 1.0], ("decay", "same"): [2.0, 2.0]}
    slow = {("alone", "same"): [10.0, 10.0], ("decay", "same"): [20.0, 50.0]}

    alone, decay = latencies([quick, slow, quick])

    assert (alone.p50_ratio, alone.p95_ratio) == (1, 1)
    assert decay.p50_ms == 2
    assert decay.p50_ratio == pytest.approx(2)
    assert decay.max_ms == 50
    assert decay.searches == 6


def test_memory_of_a_process_is_read_and_its_peak_can_be_forgotten() -> None:
    own = Process(os.getpid())
    held = np.ones(64 * 2**20, np.uint8)
    most = own.peak_mib
    del held

    own.forget_peak()

    assert most - own.peak_mib > 32
    assert 0 < own.resident_mib <= own.peak_mib + 1


def test_a_field_that_is_missing_is_an_error() -> None:
    with pytest.raises(ValueError, match="unpack"):
        memory_mib("VmRSS: 5 kB\n", "VmHWM")


def test_bounds_know_the_limits_of_a_consolidation() -> None:
    assert (bounds.LOOKED_AT_MAX, bounds.SEEDS_MAX) == (
        episodes.LOOKED_AT_MAX,
        extracting.SEEDS_MAX,
    )
