"""compose.yaml: valid, and the same Kafka and Redis as the local stack."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft201909Validator

from human_memory.bus import services
from stack.jars import KAFKA_VERSION
from stack.kafka import BROKER_SETTINGS
from stack.redis_server import REDIS_SETTINGS, REDIS_VERSION

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "tests" / "data" / "compose-spec.json").read_text())
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
DOCKERFILE = (ROOT / "Dockerfile").read_text()

SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
# Ends when its work is done: no health, and no restart after success.
ONE_SHOT = {"topics"}
LASTING = sorted(SERVICES.keys() - ONE_SHOT)
OURS = sorted(SERVICES.keys() - {"kafka", "redis"})


def test_file_keeps_to_the_compose_specification() -> None:
    errors = [error.message for error in Draft201909Validator(SCHEMA).iter_errors(COMPOSE)]

    assert errors == []


def test_kafka_has_the_settings_and_version_of_the_local_stack() -> None:
    environment = SERVICES["kafka"]["environment"]
    names = {key: "KAFKA_" + key.upper().replace(".", "_") for key in BROKER_SETTINGS}

    found = {key: environment.get(name) for key, name in names.items()}

    assert found == BROKER_SETTINGS
    assert SERVICES["kafka"]["image"] == f"apache/kafka:{KAFKA_VERSION}"


def test_redis_has_the_settings_and_major_version_of_the_local_stack() -> None:
    program, *options = SERVICES["redis"]["command"]

    found = dict(zip(options[::2], options[1::2], strict=True))

    assert program == "redis-server"
    expected = REDIS_SETTINGS | {"search-on-timeout": "fail"}
    assert found == {f"--{key}": value for key, value in expected.items()}
    assert SERVICES["redis"]["image"] == f"redis:{REDIS_VERSION.partition('.')[0]}"


@pytest.mark.parametrize("name", LASTING)
def test_lasting_service_is_checked_and_restarted(name: str) -> None:
    service = SERVICES[name]

    assert service["healthcheck"]["test"]
    assert service["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", sorted(ONE_SHOT))
def test_one_shot_service_is_repeated_until_it_succeeds(name: str) -> None:
    assert SERVICES[name]["restart"] == "on-failure"


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_service_does_not_run_as_root(name: str) -> None:
    user = str(SERVICES[name]["user"])

    assert user.partition(":")[0] not in {"", "0", "root"}


@pytest.mark.parametrize("name", OURS)
def test_our_containers_run_as_the_user_of_the_image(name: str) -> None:
    last_user = re.findall(r"^USER (\S+)$", DOCKERFILE, re.MULTILINE)[-1]

    assert SERVICES[name]["user"] == last_user


@pytest.mark.parametrize("name", sorted(set(OURS) - ONE_SHOT))
def test_our_services_wait_for_the_topics_and_serve_the_port_that_is_checked(name: str) -> None:
    service = SERVICES[name]
    port = service["environment"]["HUMAN_MEMORY_HTTP_PORT"]

    conditions = {other: how["condition"] for other, how in service["depends_on"].items()}

    assert conditions == {
        "kafka": "service_healthy",
        "redis": "service_healthy",
        "topics": "service_completed_successfully",
    }
    # What tests and `human-memory up` run, and what takes its port from the environment.
    assert service["command"] == ["python", "-m", "services.run", name]
    assert f"http://127.0.0.1:{port}/health" in service["healthcheck"]["test"][-1]


def test_each_of_our_services_has_a_container_with_its_own_port() -> None:
    ports = {
        name: int(SERVICES[name]["environment"]["HUMAN_MEMORY_HTTP_PORT"])
        for name in OURS
        if name not in ONE_SHOT
    }

    assert ports == services.SERVICES


def test_published_ports_are_open_to_this_machine_only() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]

    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_every_package_of_the_wheel_is_copied_into_the_image() -> None:
    wheel = re.search(r"^packages = \[(.*)\]$", (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert wheel is not None

    packages = set(re.findall(r'"(\w+)"', wheel.group(1)))

    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert packages == set(re.findall(r"^COPY (\w+) \1$", DOCKERFILE, re.MULTILINE))
    assert {f"!{package}" for package in packages} <= set(ignored)
