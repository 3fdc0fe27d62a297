"""Slots: the same everywhere, and each offset committed only when all before it is done."""

from aiokafka import TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from schemas.ids import run_id
from services.maintenance.decisions import slot_of
from services.maintenance.offsets import Offsets

HALF_HOUR_MS = 1_800_000
TP = TopicPartition("memory.maintenance", 3)


@given(now=st.integers(0, 4_000_000_000_000), interval=st.integers(1, 604_800_000))
def test_slot_is_the_last_multiple_of_the_interval(now: int, interval: int) -> None:
    slot = slot_of(now, interval)

    assert slot % interval == 0
    assert 0 <= now - slot < interval


def test_slots_of_a_day_are_aligned_to_utc() -> None:
    half_past_nine = 1_750_066_200_000  # 2025-06-16T09:30:00Z

    assert slot_of(half_past_nine + 123_456, HALF_HOUR_MS) == half_past_nine


def test_run_of_a_slot_is_one_run_and_others_are_others() -> None:
    runs = {
        run_id(job, namespace, slot)
        for job in ("decay", "capacity")
        for namespace in ("a", "b")
        for slot in (0, HALF_HOUR_MS)
    }

    assert len(runs) == 8
    assert run_id("decay", "a", 0) in runs


@given(
    done=st.lists(st.integers(0, 9), unique=True, max_size=10).map(lambda some: [*some]),
)
def test_committed_offset_never_passes_what_is_pending(done: list[int]) -> None:
    offsets = Offsets()
    for offset in range(10):
        assert offsets.take(TP, offset)

    committed = 0
    for number, offset in enumerate(done):
        committed = offsets.done(TP, offset)[TP]
        pending = set(range(10)) - set(done[: number + 1])
        assert committed == min(pending, default=10)


def test_record_that_comes_again_is_not_taken_up_again() -> None:
    offsets = Offsets()
    offsets.take(TP, 5)

    assert not offsets.take(TP, 5)
    offsets.clear()
    assert offsets.take(TP, 5)
