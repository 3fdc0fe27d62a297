"""The ports of our services: kept, said, settable, and never another program's."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from human_memory.bus.services import SERVICES
from human_memory.local.children import Children
from human_memory.local.ports import Ports
from stack.errors import StackError
from stack.processes import ProcessId, listens, start_ticks
from stack.state import HOST, free_port, is_free
from tests.unit.cli.test_children import answering


@pytest.fixture
def taken() -> Iterator[int]:
    """A port at which another program listens."""
    with socket.create_server((HOST, 0)) as server:
        yield server.getsockname()[1]


def started(data: Path, **asked: int) -> tuple[dict[str, str], list[str]]:
    """What a start of all services comes to: their addresses, and what it says."""
    ports = Ports(data, asked)
    said = [ports.choose(name) for name in SERVICES]
    return ports.addresses, [each for each in said if each is not None]


def test_port_that_was_asked_for_is_used_and_kept_for_later_starts(tmp_path: Path) -> None:
    port = free_port(set())
    first, said = started(tmp_path, gateway=port)

    later, said_later = started(tmp_path)

    assert first["gateway"] == f"http://127.0.0.1:{port}"
    assert later == first
    assert not any("gateway" in each for each in said + said_later)


def test_port_that_is_taken_is_left_for_another_once_and_that_is_said(
    tmp_path: Path, taken: int
) -> None:
    (tmp_path / "services.json").write_text(
        f'{{"ports": {{"gateway": {taken}}}, "processes": {{}}}}'
    )
    first, said = started(tmp_path)

    later, said_later = started(tmp_path)

    moved = first["gateway"].rpartition(":")[2]
    assert moved != str(taken)
    assert f"port {taken} is taken: gateway is at {moved}, now and after a restart" in said
    assert later == first
    assert said_later == []


def test_port_that_was_asked_for_and_is_taken_is_refused(tmp_path: Path, taken: int) -> None:
    with pytest.raises(StackError, match=rf"port {taken} was asked for gateway.*choose another"):
        started(tmp_path, gateway=taken)


def test_port_that_was_asked_for_is_no_other_service_s(tmp_path: Path) -> None:
    port = free_port(set())
    (tmp_path / "services.json").write_text(f'{{"ports": {{"ingest": {port}}}, "processes": {{}}}}')

    addresses, _ = started(tmp_path, gateway=port)

    assert addresses["gateway"] == f"http://127.0.0.1:{port}"
    assert len(set(addresses.values())) == len(SERVICES)


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_port_is_looked_for_at_the_address_that_is_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, taken: int, host: str
) -> None:
    monkeypatch.setenv("HUMAN_MEMORY_HTTP_HOST", host)
    if host == "::" and not socket.has_dualstack_ipv6():
        pytest.skip("no IPv6 here")

    with socket.create_server((host, 0), family=_family(host)) as server:
        port = server.getsockname()[1]
        assert not is_free(port, host)

    addresses, _ = started(tmp_path)
    assert addresses["gateway"].startswith("http://127.0.0.1:")


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def test_broken_file_of_ports_is_as_none(tmp_path: Path) -> None:
    (tmp_path / "services.json").write_text("{")

    addresses, _ = started(tmp_path)

    assert addresses.keys() == SERVICES.keys()


def test_only_the_process_that_listens_is_said_to_listen(taken: int) -> None:
    program = "import sys; print(flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()  # it runs

        ours, theirs = (
            listens(ProcessId(pid, start_ticks(pid)), taken) for pid in (os.getpid(), other.pid)
        )

        assert (ours, theirs) == (True, False)
        other.communicate()
    assert not listens(ProcessId(other.pid, 0), taken)


def test_another_installation_s_server_at_our_port_is_not_taken_for_ours(tmp_path: Path) -> None:
    with answering(200, b'{"status": "ready", "version": "1.2.3", "checks": {}}') as url:
        port = int(url.rpartition(":")[2])
        ports = Ports(tmp_path, {})
        for name in SERVICES:
            ports.choose(name)
        ports._chosen = dict.fromkeys(SERVICES, port)
        children = Children(tmp_path / "logs", ports, separate=False)

        assert children.unready() == dict.fromkeys(SERVICES, "does not answer")
