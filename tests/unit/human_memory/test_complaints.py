"""What is written of aiokafka's complaints while a broker is away."""

import logging
import subprocess
import sys
import time

import pytest

from human_memory.bus.complaints import FewComplaints


def complaint(
    text: str, *arguments: object, name: str = "aiokafka.client", level: int = logging.ERROR
) -> logging.LogRecord:
    return logging.LogRecord(name, level, __file__, 1, text, arguments, None)


def test_same_complaint_is_written_once_a_minute_and_as_a_warning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    few, written = FewComplaints(), []

    for seconds in range(0, 121, 10):
        now[0] = 100.0 + seconds
        record = complaint("Unable connect to node with id %s: %s", 1, seconds)
        if few.filter(record):
            written.append((seconds, record.levelname))

    assert written == [(0, "WARNING"), (60, "WARNING"), (120, "WARNING")]


def test_other_complaints_and_other_loggers_are_written() -> None:
    few = FewComplaints()
    few.filter(complaint("Unable connect to node with id %s", 1))

    assert few.filter(complaint("Unable to update metadata from %s", [1]))
    assert few.filter(complaint("Unable connect to node with id %s", 1, name="aiokafka.conn"))
    for _ in range(2):
        assert few.filter(complaint("Unable connect to node with id %s", 1, name="of.the.user"))
        assert few.filter(complaint("Unable connect", name="aiokafka", level=logging.INFO))


def test_unexpected_exception_stays_an_error_each_time() -> None:
    few = FewComplaints()
    records = [complaint("Unexpected error in sender") for _ in range(2)]
    for record in records:
        record.exc_info = (ValueError, ValueError("x"), None)

    assert [few.filter(record) for record in records] == [True, True]
    assert {record.levelname for record in records} == {"ERROR"}


def test_only_records_to_which_it_applies_are_thinned_out() -> None:
    few = FewComplaints(lambda record: record.threadName == "ours")
    records = [complaint("Unable connect") for _ in range(4)]
    for record in records[:2]:
        record.threadName = "ours"

    assert [few.filter(record) for record in records] == [True, False, True, True]


def test_kinds_without_end_take_no_memory_without_end() -> None:
    few = FewComplaints()

    for number in range(3_000):
        few.filter(complaint(f"Unable {number}"))

    assert len(few._said) <= 1_000


def test_client_over_kafka_is_nearly_silent_while_the_broker_is_away() -> None:
    program = (
        "from human_memory import Memory, HumanMemoryError\n"
        "for _ in range(4):\n"
        "    with Memory('kafka://127.0.0.1:1', timeout=0.5) as memory:\n"
        "        try: memory.stats()\n"
        "        except HumanMemoryError as error: print(error)\n"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert done.stdout.count("Kafka at 127.0.0.1:1") == 4
    assert len(done.stderr.splitlines()) <= 2, done.stderr
