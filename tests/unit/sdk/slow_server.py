"""Servers that answer too slowly, or never: raw sockets, as no HTTP server would do it."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

PAUSE_SECONDS = 0.05
HEAD = b"HTTP/1.1 200 OK\r\n"
BODY = HEAD + b"Content-Length: 1000000\r\n\r\n"

Serve = Callable[[socket.socket, threading.Event], object]


def never(_: socket.socket, gone: threading.Event) -> None:
    """Accept, and nothing more."""
    gone.wait()


def headers_by_drops(connection: socket.socket, gone: threading.Event) -> None:
    """Send a header without end."""
    _drip(connection, gone, HEAD + b"X-Slow: ")


def body_by_drops(connection: socket.socket, gone: threading.Event) -> None:
    """Send a body that would take hours."""
    _drip(connection, gone, BODY)


def body_without_end(connection: socket.socket, gone: threading.Event) -> None:
    """Send a body as fast as it goes, and no end of it."""
    connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    while not gone.is_set():
        connection.sendall(b"400\r\n" + b" " * 1024 + b"\r\n")


def reads_by_drops(connection: socket.socket, gone: threading.Event) -> None:
    """Take what is sent in small bites."""
    while not gone.wait(PAUSE_SECONDS):
        connection.recv(1_000)


def _drip(connection: socket.socket, gone: threading.Event, beginning: bytes) -> None:
    connection.sendall(beginning)
    while not gone.wait(PAUSE_SECONDS):
        connection.sendall(b"a")


@contextmanager
def slow(serve: Serve) -> Iterator[str]:
    """The host and port of such a server; each connection has a thread."""
    gone = threading.Event()
    threads: list[threading.Thread] = []

    def handle(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.settimeout(1)
            serve(connection, gone)

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listening.accept()
                if gone.is_set():
                    connection.close()
                    return
                threads.append(threading.Thread(target=handle, args=(connection,)))
                threads[-1].start()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = listening.getsockname()
        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield f"{address[0]}:{address[1]}"
        finally:
            gone.set()
            socket.create_connection(address).close()
            accepting.join()
            for thread in threads:
                thread.join()
