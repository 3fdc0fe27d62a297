"""Which Kafka and Redis `up` uses: those it runs itself, or those that somebody names."""

import json
import socket
from pathlib import Path

import pytest
import typer

from human_memory.cli.running import UpOptions, plan_of
from stack.state import free_port


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KAFKA", "REDIS", "TOPIC_PREFIX", "PARTITIONS", "DATA"):
        monkeypatch.delenv(f"HUMAN_MEMORY_{name}", raising=False)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder whose Kafka and Redis have ports."""
    state = {"ports": {"kafka": 24752, "redis": 24753}, "processes": {}}
    (tmp_path / "stack.json").write_text(json.dumps(state))
    return tmp_path


@pytest.mark.parametrize(
    "environment",
    [
        {"KAFKA": "127.0.0.1:24752"},  # as the README has it
        {"KAFKA": "localhost:24752"},
        {"REDIS": "redis://127.0.0.1:24753/0"},
        {"KAFKA": "127.0.0.1:24752", "REDIS": "redis://localhost:24753/0"},
    ],
    ids=str,
)
def test_address_of_our_own_that_was_exported_is_no_server_of_another(
    data: Path, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(f"HUMAN_MEMORY_{name}", value)

    plan = plan_of(UpOptions(data=data))

    assert plan.redis is None  # both are started here
    assert plan.notes == ()


def test_address_of_one_that_is_gone_is_passed_over_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = f"127.0.0.1:{free_port(set())}"
    monkeypatch.setenv("HUMAN_MEMORY_KAFKA", gone)

    plan = plan_of(UpOptions(data=tmp_path))

    assert plan.redis is None
    assert plan.notes == (
        f"HUMAN_MEMORY_KAFKA={gone}: nobody listens there; Kafka is started here instead",
    )


def test_kafka_that_is_there_and_not_ours_needs_a_redis(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("HUMAN_MEMORY_KAFKA", f"127.0.0.1:{server.getsockname()[1]}")

        with pytest.raises(typer.BadParameter, match="both Kafka and Redis"):
            plan_of(UpOptions(data=tmp_path))


@pytest.mark.parametrize(
    "environment",
    [{"KAFKA": "kafka.example:9092"}, {"REDIS": "redis://redis.example/0"}, {"KAFKA": "a:1,b:2"}],
    ids=str,
)
def test_one_server_elsewhere_alone_is_refused(
    data: Path, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(f"HUMAN_MEMORY_{name}", value)

    with pytest.raises(typer.BadParameter, match=r"is given alone; .* \(unset the variable\)"):
        plan_of(UpOptions(data=data))


def test_both_elsewhere_are_used(data: Path) -> None:
    plan = plan_of(
        UpOptions(data=data, kafka="kafka.example:9092", redis="redis://redis.example/0")
    )

    assert (plan.settings.kafka, plan.redis) == ("kafka.example:9092", "redis://redis.example/0")
