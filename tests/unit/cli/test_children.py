"""What the supervisor knows of a service without importing it."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from human_memory.children import SERVICES, probe

ROOT = Path(__file__).parents[3]


@contextmanager
def answering(status: int, body: bytes) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("service", SERVICES)
def test_default_ports_are_those_of_the_services_themselves(service: str) -> None:
    source = (ROOT / "services" / service / "app.py").read_text("utf-8")

    declared = re.search(r"^HTTP_PORT = (\d+)$", source, re.MULTILINE)

    assert declared is not None
    assert int(declared.group(1)) == SERVICES[service]


def test_ready_service_is_ready_and_names_its_version() -> None:
    body = b'{"status": "ready", "version": "1.2.3", "checks": {"kafka": "ok"}}'

    with answering(200, body) as url:
        found = probe(url)

    assert (found.ready, found.waiting, found.version) == (True, "", "1.2.3")


def test_unready_service_says_what_it_waits_for() -> None:
    body = b'{"status": "unavailable", "checks": {"kafka": "ok", "model": "loading"}}'

    with answering(503, body) as url:
        found = probe(url)

    assert (found.ready, found.waiting) == (False, "model loading")


def test_service_says_what_goes_on_ready_or_not() -> None:
    body = b'{"status": "ready", "checks": {}, "notes": {"upgrade": "5 of 9 events"}}'

    with answering(200, body) as url:
        found = probe(url)

    assert (found.ready, found.waiting) == (True, "")
    assert found.note == "upgrade: 5 of 9 events"


@pytest.mark.parametrize(("status", "body"), [(200, b"hello"), (500, b""), (503, b"[1]")])
def test_another_program_at_the_address_is_not_ready(status: int, body: bytes) -> None:
    with answering(status, body) as url:
        assert not probe(url).ready


def test_nobody_at_the_address_is_not_ready() -> None:
    assert probe("http://127.0.0.1:1").waiting == "does not answer"
