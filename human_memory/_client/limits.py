"""An end to every wait of a synchronous request: httpx limits each read, not their sum.

A server that sends a byte now and then would be waited for without end, and a name with four
addresses that don't answer takes four times as long as one.
"""

import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from ipaddress import ip_address
from ssl import SSLContext
from typing import Any

import httpcore
import httpx

from human_memory.deadline import Deadline

# A server that reads slowly makes each part wait; the deadline is looked at between parts.
PART_BYTES = 16_384
_deadline: ContextVar[Deadline | None] = ContextVar("deadline", default=None)


@contextmanager
def within(deadline: Deadline) -> Iterator[None]:
    """The body's requests end by `deadline`, as far as their client is a `limited` one."""
    token = _deadline.set(deadline)
    try:
        yield
    finally:
        _deadline.reset(token)


def limited(client: httpx.Client) -> httpx.Client:
    """The same client, all of whose waits end by the deadline of `within`."""
    for transport in (client._transport, *client._mounts.values()):
        # httpx has no argument for it; httpcore, below, has: `network_backend`.
        if isinstance(transport, httpx.HTTPTransport):
            transport._pool._network_backend = _Backend(transport._pool._network_backend)
    return client


class _Backend(httpcore.NetworkBackend):
    def __init__(self, inner: httpcore.NetworkBackend) -> None:
        self._inner = inner

    def connect_tcp(  # type: ignore[override] # httpcore gives them all by name
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        *,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        failure: Exception | None = None
        addresses = _addresses(host, port, timeout)
        for others, address in zip(reversed(range(len(addresses))), addresses, strict=True):
            try:
                left = _left(timeout, httpcore.ConnectTimeout)
                part = left and left / (1 + others)  # one that does not answer leaves time for them
                return _Stream(
                    self._inner.connect_tcp(address, port, part, local_address, socket_options)
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure or httpcore.ConnectError(f"{host} has no address")


class _Stream(httpcore.NetworkStream):
    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, _left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), PART_BYTES):
            part = buffer[start : start + PART_BYTES]
            self._inner.write(part, _left(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        left = _left(timeout, httpcore.ConnectTimeout)
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, left))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


def _left(timeout: float | None, late: type[Exception]) -> float | None:
    deadline = _deadline.get()
    if deadline is None:
        return timeout
    left = deadline.remaining_seconds()
    if not left:
        raise late("the time is over")
    return left


def _addresses(host: str, port: int, timeout: float | None) -> list[str]:
    """The addresses of a name, looked up in a thread: the system's look-up has no time limit."""
    try:
        return [str(ip_address(host))]
    except ValueError:
        pass
    found: list[str] = []
    failures: list[OSError | UnicodeError] = []

    def look_up() -> None:
        try:
            rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            failures.append(error)
        else:
            found.extend(dict.fromkeys(str(row[4][0]) for row in rows))

    thread = threading.Thread(target=look_up, name="human-memory-look-up", daemon=True)
    left = _left(timeout, httpcore.ConnectTimeout)
    try:
        thread.start()
    except RuntimeError:  # the interpreter is ending, and starts no threads any more
        look_up()
    else:
        thread.join(left)
    if failures:
        raise httpcore.ConnectError(str(failures[0])) from failures[0]
    if not found:
        raise httpcore.ConnectTimeout(f"{host} was not found in time")
    return found
