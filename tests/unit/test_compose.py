"""compose.yaml and the image: valid, one build, and the same Kafka and Redis as the local stack."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft201909Validator

from human_memory.bus import services
from stack.jars import KAFKA_VERSION
from stack.kafka import BROKER_SETTINGS
from stack.redis_server import REDIS_SETTINGS, REDIS_VERSION
from tests.unit.cli.test_children import answering

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

    # Ours are checked by their image, at the port that their environment names.
    assert service.get("healthcheck", {}).get("test") if name not in OURS else checks("services")
    assert "healthcheck" not in service or name not in OURS
    assert service["restart"] == "unless-stopped"


def stage(name: str) -> str:
    """A part of the Dockerfile, until the next begins."""
    return DOCKERFILE.partition(f" AS {name}\n")[2].partition("\nFROM ")[0]


def checks(name: str) -> str:
    """The program by which an image of ours checks its health."""
    options = re.search(r"^HEALTHCHECK .* CMD \[.*\n *\"(.*)\"\]$", stage(name), re.MULTILINE)
    assert options is not None
    return options.group(1)


def test_one_service_builds_the_image_and_nobody_pulls_it() -> None:
    builders = [name for name in OURS if "build" in SERVICES[name]]

    assert len(builders) == 1
    assert len({SERVICES[name]["image"] for name in OURS}) == 1
    assert {SERVICES[name]["pull_policy"] for name in OURS} == {"never"}
    assert f" AS {SERVICES[builders[0]]['build']['target']}\n" in DOCKERFILE
    # Compose has it before the others begin.
    waiting = [SERVICES[name]["depends_on"] for name in OURS if name not in builders]
    assert all(builders[0] in depends_on for depends_on in waiting)


@pytest.mark.parametrize(("image", "path"), [("services", "/health"), ("standalone", "/ready")])
@pytest.mark.parametrize("status", [200, 503])
def test_health_check_of_an_image_asks_the_port_of_the_environment(
    image: str, path: str, status: int
) -> None:
    asked: list[str] = []
    with answering(status, b"{}", asked) as url:
        environment = {
            "HUMAN_MEMORY_HTTP_PORT": url.rpartition(":")[2],
            "http_proxy": "http://127.0.0.1:1",  # which Docker may set for all containers
        }

        done = subprocess.run(
            [sys.executable, "-c", checks(image)], env=environment, capture_output=True
        )

    assert (done.returncode == 0, asked) == (status == 200, [path])


def locked(name: str) -> dict[str, str]:
    """Each package of a lock file, and all that is said of it but why it is there."""
    blocks = re.split(r"^(?=[A-Za-z0-9])", (ROOT / name).read_text(), flags=re.MULTILINE)[1:]
    return {
        block.partition("==")[0].partition("[")[0]: "".join(
            sorted(line for line in block.splitlines() if "--hash" in line or "==" in line)
        )
        .replace("\\", "")
        .replace(" ", "")
        for block in blocks
    }


def test_image_has_run_time_packages_only_as_they_are_tested() -> None:
    image, tested = locked("requirements-server.lock"), locked("requirements.lock")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    tools = {
        re.split(r"[^A-Za-z0-9_-]", each)[0].lower()
        for each in project["optional-dependencies"]["dev"]
    }

    assert image.keys() & tools <= {"jsonschema", "pyyaml"}  # others use them, too
    assert not image.keys() & {"pytest", "mypy", "matplotlib", "ruff", "hypothesis", "langgraph"}
    assert not image.keys() & {"torch", "transformers", "sentence-transformers"}
    assert {
        "onnxruntime",
        "faststream",
        "fastapi",
        "aiokafka",
        "redis",
        "typer",
        "mcp",
    } <= image.keys()
    versions = {name: text.partition("==")[2].partition("--")[0] for name, text in image.items()}
    assert versions == {
        name: tested[name].partition("==")[2].partition("--")[0] for name in versions
    }


def test_programs_of_the_local_stack_are_in_the_image_for_one_container_alone() -> None:
    listed = re.search(r"programs='([^']*)'", DOCKERFILE)
    assert listed is not None

    programs = set(listed.group(1).split("|"))

    assert programs <= locked("requirements-server.lock").keys()
    assert "/opt/programs" in stage("standalone")
    assert "/opt/programs" not in stage("services")


def test_image_for_one_container_is_the_default_and_serves_the_port_it_exposes() -> None:
    last = re.findall(r"^FROM .* AS (\w+)$", DOCKERFILE, re.MULTILINE)[-1]

    assert last == "standalone"
    assert 'CMD ["human-memory", "up"]' in stage(last)
    assert "HUMAN_MEMORY_HTTP_HOST=0.0.0.0 HUMAN_MEMORY_HTTP_PORT=8000" in stage(last)
    assert "EXPOSE 8000" in stage(last)
    assert "VOLUME /data" in stage(last)
    assert "HUMAN_MEMORY_DATA=/data" in stage(last)


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
    assert port == str(services.SERVICES[name])


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
