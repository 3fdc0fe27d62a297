"""The wheel in an environment of its own, with the extras that it was installed with."""

from collections.abc import Callable
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from tests.environments import (
    Environment,
    build_wheel,
    environment_with,
    needed,
    project_that_hides_ours,
)
from tests.unit.sdk.scripted_server import Answer, serving

pytestmark = pytest.mark.timeout(300)

USE = """
from human_memory import Memory
with Memory({address!r}) as memory:
    print(memory.store("Tea is ready.").memory_id)
"""
OFFLINE = ("--kafka", "127.0.0.1:1", "--redis", "redis://127.0.0.1:1")
Installed = Callable[..., Environment]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """A maker of environments, one for each set of extras."""
    wheel = build_wheel(tmp_path_factory.mktemp("wheel"))
    made = dict[tuple[str, ...], Environment]()

    def environment(*extras: str) -> Environment:
        if extras not in made:
            folder = tmp_path_factory.mktemp("_".join(["with", *extras]))
            made[extras] = environment_with(wheel, folder, *extras)
        return made[extras]

    return environment


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A user's project with packages that are called as ours are."""
    return project_that_hides_ours(tmp_path / "project")


def test_client_over_http_works_beside_packages_that_are_called_as_ours(
    installed: Installed, project: Path
) -> None:
    with serving(
        Answer(200, {"memory_id": "m-1", "activation": 1.0, "created_at": "2026-01-01"})
    ) as server:
        (project / "app.py").write_text(USE.format(address=server.url), "utf-8")
        done = installed().run("python", "app.py", beside=project)

    assert (done.returncode, done.stdout, done.stderr) == (0, "m-1\n", "")
    assert [asked.path for asked in server.asked] == ["/v1/memories"]


def test_client_over_http_needs_httpx_and_pydantic_alone(installed: Installed) -> None:
    folders = installed().packages.glob("*.dist-info")

    packages = {canonicalize_name(folder.name.partition("-")[0]) for folder in folders}

    theirs = {canonicalize_name(name) for name in needed(["httpx", "pydantic"])}
    assert packages == theirs | {"human-memory-server"}


@pytest.mark.parametrize(
    ("extras", "command", "missing"),
    [
        ((), ("human-memory", "status"), "'human-memory-server[cli]'"),
        ((), ("python", "-m", "human_memory.cli", "status"), "'human-memory-server[cli]'"),
        (("kafka",), ("human-memory", "status"), "'human-memory-server[cli]'"),
        (("cli",), ("human-memory", "replay", *OFFLINE), "'human-memory-server[services]'"),
        (("cli",), ("human-memory", "digest", *OFFLINE), "'human-memory-server[services]'"),
        (("cli",), ("human-memory", "up", *OFFLINE), "'human-memory-server[server]'"),
        (("cli",), ("human-memory", "mcp"), "'human-memory-server[mcp]'"),
        (
            ("services",),
            ("python", "-m", "services.run", "gateway"),
            "'human-memory-server[gateway]'",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_missing_extra_is_named_in_one_sentence(
    installed: Installed,
    tmp_path: Path,
    extras: tuple[str, ...],
    command: tuple[str, ...],
    missing: str,
) -> None:
    done = installed(*extras).run(*command, beside=tmp_path)

    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert f" is not installed; run: pip install {missing}\n" in done.stderr


@pytest.mark.parametrize(
    ("extra", "command", "said"),
    [
        (
            "gateway",
            ("services.run", "gateway", "--port=gateway=0"),
            "Kafka at 127.0.0.1:1 does not",
        ),
        (
            "services",
            ("services.run", "ingest", "--port=ingest=0"),
            "Kafka at 127.0.0.1:1 does not",
        ),
        ("stack", ("stack", "status"), "kafka 4"),
    ],
    ids=["gateway", "services", "stack"],
)
def test_extra_is_enough_for_its_own_program(
    installed: Installed, tmp_path: Path, extra: str, command: tuple[str, ...], said: str
) -> None:
    done = installed(extra).run(
        *("python", "-m", *command), beside=tmp_path, HUMAN_MEMORY_KAFKA="127.0.0.1:1"
    )

    assert done.returncode == 1
    assert said in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_client_over_kafka_names_the_extra_that_is_missing(
    installed: Installed, tmp_path: Path
) -> None:
    (tmp_path / "app.py").write_text(USE.format(address="kafka://localhost:1"), "utf-8")

    done = installed().run("python", "app.py", beside=tmp_path)

    *_, last = done.stderr.splitlines()
    assert last.startswith("human_memory.extras.NotInstalled: ")
    assert last.endswith(" is not installed; run: pip install 'human-memory-server[kafka]'")


def test_published_client_beside_ours_is_told_with_what_to_do(
    installed: Installed, tmp_path: Path
) -> None:
    theirs = installed("cli").packages / "human_memory_sdk-0.1.1.dist-info"
    theirs.mkdir()
    try:
        done = installed("cli").run("human-memory", "--version", beside=tmp_path)
    finally:
        theirs.rmdir()

    assert done.returncode == 0
    assert done.stderr.count("\n") == 1
    assert "pip uninstall human-memory-sdk human-memory-server" in done.stderr


def test_client_over_kafka_says_which_package_hides_one_of_ours(
    installed: Installed, project: Path
) -> None:
    (project / "app.py").write_text(USE.format(address="kafka://localhost:1"), "utf-8")
    (project / "schemas" / "__init__.py").write_text("")

    done = installed("kafka").run("python", "app.py", beside=project)

    *_, last = done.stderr.splitlines()
    assert last.startswith(
        f"human_memory.extras.NotInstalled: {project / 'schemas'} hides the package schemas of "
    )


@pytest.mark.parametrize(
    "command", [("human-memory",), ("python", "-m", "human_memory.cli")], ids=" ".join
)
def test_command_line_works_beside_packages_that_are_called_as_ours(
    installed: Installed, project: Path, command: tuple[str, ...]
) -> None:
    done = installed("cli").run(*command, "topics", "--help", beside=project)

    assert (done.returncode, done.stderr) == (0, "")
