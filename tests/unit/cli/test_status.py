"""`status`: of what runs here, or of the servers that are named, and of nothing else."""

import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from human_memory.bus.services import SERVICES
from human_memory.cli.commands import app
from human_memory.cli.status import _service
from human_memory.local.instance import Instance
from stack.processes import start_ticks
from tests.unit.cli.test_children import answering

READY = b'{"status": "ready", "version": "1.2.3", "checks": {}}'


def status(data: Path, *arguments: str) -> tuple[int, str]:
    names = ("HUMAN_MEMORY_KAFKA", "HUMAN_MEMORY_REDIS")
    environment = {"HUMAN_MEMORY_DATA": str(data), **dict.fromkeys(names)}
    result = CliRunner().invoke(app, ["status", *arguments], env=environment)
    return result.exit_code, result.stdout


def test_idle_folder_has_nothing_whatever_answers_at_the_default_addresses(tmp_path: Path) -> None:
    (code, said), (code_json, printed) = status(tmp_path), status(tmp_path, "--json")

    assert (code, code_json) == (1, 1)
    assert "start it with: human-memory up" in said
    assert "127.0.0.1" not in said
    assert json.loads(printed) == {"ok": False, "components": []}


def test_named_servers_that_do_not_answer_are_all_that_is_said_of_them(tmp_path: Path) -> None:
    code, printed = status(
        tmp_path, "--kafka", "127.0.0.1:1", "--redis", "redis://127.0.0.1:1/0", "--json"
    )

    components = json.loads(printed)["components"]
    assert code == 1
    assert {each["name"] for each in components} == {"kafka", "redis", *SERVICES} - {"gateway"}
    assert not any(each["ok"] for each in components)
    assert not any("http://" in each["address"] for each in components)


@pytest.mark.parametrize("ours", [True, False])
def test_service_of_another_at_our_address_is_not_shown_as_ours(ours: bool) -> None:
    with answering(200, READY) as url:
        pid = os.getpid() if ours else os.getppid()
        instance = Instance(
            pid=pid, started_ticks=start_ticks(pid), http={"ingest": url}, pids={"ingest": pid}
        )

        shown = _service("ingest", instance)

    assert (shown.ok, shown.state) == ((True, "ready") if ours else (False, "does not answer"))
