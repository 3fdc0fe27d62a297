"""Which Kafka and Redis a command talks to: flag, environment, what runs here, default."""

import os
from pathlib import Path

import pytest

from human_memory.cli.options import REDIS_DEFAULT, ServerOptions
from human_memory.local import instance as instances
from human_memory.local.instance import Instance, sole_supervisor
from stack.processes import start_ticks


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KAFKA", "REDIS", "TOPIC_PREFIX", "PARTITIONS", "DATA"):
        monkeypatch.delenv(f"HUMAN_MEMORY_{name}", raising=False)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder in which this very process plays the supervisor."""
    pid = os.getpid()
    instances.save(
        tmp_path,
        Instance(
            pid=pid,
            started_ticks=start_ticks(pid),
            kafka="127.0.0.1:21001",
            redis="redis://127.0.0.1:21002/0",
            topic_prefix="here.",
            partitions=3,
        ),
    )
    return tmp_path


def test_without_anything_else_the_defaults_hold(tmp_path: Path) -> None:
    options = ServerOptions(data=tmp_path)

    assert options.settings().kafka == "127.0.0.1:9092"
    assert options.redis_url() == REDIS_DEFAULT


def test_what_runs_in_the_data_folder_is_found(data: Path) -> None:
    options = ServerOptions(data=data)

    found = options.settings()

    assert (found.kafka, found.topic_prefix, found.partitions) == ("127.0.0.1:21001", "here.", 3)
    assert options.redis_url() == "redis://127.0.0.1:21002/0"


def test_data_folder_of_the_environment_is_looked_into(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUMAN_MEMORY_DATA", str(data))

    assert ServerOptions().settings().kafka == "127.0.0.1:21001"


def test_environment_that_names_another_kafka_hides_what_runs_here(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUMAN_MEMORY_KAFKA", "elsewhere:9092")

    found = ServerOptions(data=data).settings()

    assert (found.kafka, found.topic_prefix, found.partitions) == ("elsewhere:9092", "", 6)


def test_environment_overrides_one_setting_of_what_runs_here(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUMAN_MEMORY_TOPIC_PREFIX", "other.")

    found = ServerOptions(data=data).settings()

    assert (found.kafka, found.topic_prefix) == ("127.0.0.1:21001", "other.")


def test_flag_wins_over_environment(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUMAN_MEMORY_KAFKA", "elsewhere:9092")
    monkeypatch.setenv("HUMAN_MEMORY_REDIS", "redis://elsewhere/0")

    options = ServerOptions(data=data, kafka="flag:9092", redis="redis://flag/0")

    assert options.settings().kafka == "flag:9092"
    assert options.redis_url() == "redis://flag/0"


def test_what_a_dead_supervisor_wrote_is_ignored(data: Path) -> None:
    left = instances.running(data)
    assert left is not None
    # The same pid, given to another process since.
    instances.save(data, left.model_copy(update={"started_ticks": left.started_ticks - 1}))

    assert ServerOptions(data=data).settings().kafka == "127.0.0.1:9092"


@pytest.mark.parametrize("content", ["", "{", '{"pid": "x"}', "[]"])
def test_broken_state_file_is_no_instance(tmp_path: Path, content: str) -> None:
    (tmp_path / "instance.json").write_text(content, encoding="utf-8")

    assert instances.running(tmp_path) is None


def test_second_supervisor_of_a_data_folder_is_told_that_it_is_not_alone(tmp_path: Path) -> None:
    with sole_supervisor(tmp_path) as first, sole_supervisor(tmp_path) as second:
        assert (first, second) == (True, False)

    with sole_supervisor(tmp_path) as later:
        assert later
