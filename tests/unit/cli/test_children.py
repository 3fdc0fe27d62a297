"""What the supervisor knows of a service without importing it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from human_memory.local.children import probe


@contextmanager
def answering(status: int, body: bytes, asked: list[str] | None = None) -> Iterator[str]:
    """A server that answers all alike; the paths it was `asked` for are appended."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if asked is not None:
                asked.append(self.path)
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


@pytest.mark.parametrize(("status", "body"), [(200, b"hello"), (500, b""), (503, b"[1]")])
def test_another_program_at_the_address_is_not_ready(status: int, body: bytes) -> None:
    with answering(status, body) as url:
        assert not probe(url).ready


def test_nobody_at_the_address_is_not_ready() -> None:
    assert probe("http://127.0.0.1:1").waiting == "does not answer"
