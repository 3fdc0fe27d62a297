"""Calls over the bus: the same operations as the gateway's, without a gateway."""

import asyncio
import concurrent.futures
import threading
import weakref
from collections.abc import Coroutine
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

import orjson

from human_memory.api.problems import http_error
from human_memory.api.service import Asking, perform, probe
from human_memory.bus import Bus
from human_memory.calls import Call
from human_memory.deadline import Deadline
from human_memory.exceptions import HumanMemoryError, error_of
from human_memory.forks import begins_anew
from human_memory.routes import READY, STORE_BATCH
from human_memory.settings import KafkaSettings
from human_memory.transports.loops import PerLoop, closed
from schemas.errors import MemoryServiceError, Unavailable
from schemas.limits import HTTP_BATCH_BYTES_MAX, HTTP_BODY_BYTES_MAX

T = TypeVar("T")
CLOSE_SECONDS_MAX = 10.0
# The bus's own limits know what was waited for, so they come first.
GRACE_SECONDS = 0.2


class AsyncKafkaTransport:
    """Connects with the first call."""

    def __init__(self, address: str, timeout: float, namespace: str) -> None:
        self._settings = KafkaSettings(kafka=address)
        self._timeout = timeout
        self._namespace = namespace
        close_seconds = min(timeout, CLOSE_SECONDS_MAX)
        self._connections = PerLoop(
            partial(_Connection, self._settings, close_seconds),
            _Connection.close,
            close_seconds=close_seconds,
        )

    async def send(self, call: Call[T]) -> T:
        """The call's result.

        Raises:
            HumanMemoryError: it failed.
        """
        connection = await self._connections.get()
        deadline = Deadline.after(self._timeout)
        try:
            async with asyncio.timeout(self._timeout + GRACE_SECONDS):
                return call.parse(await self._answer(call, connection, deadline))
        except MemoryServiceError as error:
            if self._connections.closed:
                raise closed_meanwhile() from error
            status, detail = http_error(error)
            text = detail if status == 503 else orjson.dumps({"detail": detail}).decode()
            raise error_of(status, resource=call.resource, body=str(text)) from error
        except TimeoutError:
            raise _late(self._settings.kafka, call, self._timeout) from None

    async def close(self) -> None:
        """Disconnect; a second call does nothing."""
        await self._connections.close()

    async def _answer(self, call: Call[Any], connection: "_Connection", deadline: Deadline) -> Any:
        bus = await connection.bus(deadline.remaining_seconds())
        if call.route is READY:
            return {"checks": await probe(bus)}
        fields = orjson.dumps({**call.path, **call.query, **(call.body or {})})
        _check_size(call, fields)
        asking = Asking(
            bus,
            namespace=self._namespace if call.namespace is None else call.namespace,
            deadline=deadline,
            idempotency_key=call.idempotency_key,
        )
        return await perform(call.route, fields, asking)


class _Connection:
    """A bus in one event loop."""

    def __init__(self, settings: KafkaSettings, close_seconds: float) -> None:
        self._settings = settings
        self._close_seconds = close_seconds
        self._starting: asyncio.Task[Bus] | None = None

    async def bus(self, seconds: float) -> Bus:
        """The bus, started. A start goes on where a call gives up: the next call gains by it.

        Raises:
            Unavailable: Kafka does not answer, or not in so many seconds.
        """
        starting = self._starting
        if starting is None or (starting.done() and _failed(starting)):
            # One that could not start can't be started again.
            starting = self._starting = asyncio.create_task(_started(self._settings))
            starting.add_done_callback(_failed)  # looked at, whether or not a call still waits
        if not starting.done():
            await asyncio.wait({starting}, timeout=seconds)
        if not starting.done():
            raise Unavailable(
                f"Kafka at {self._settings.kafka} did not answer within {seconds:.3g} s; "
                "nothing was sent"
            )
        if starting.cancelled():
            raise Unavailable("the connection was closed while it was made; nothing was sent")
        return starting.result()

    async def close(self) -> None:
        """Disconnect, or give up on it in time."""
        if self._starting is not None:
            closing = asyncio.create_task(_closed(self._starting))
            await asyncio.wait({closing}, timeout=self._close_seconds)
            closing.cancel()


async def _started(settings: KafkaSettings) -> Bus:
    bus = Bus(settings, client_id="human-memory-sdk")
    try:
        await bus.start()
    except OSError as error:  # of a certificate or key that can't be read
        raise Unavailable(f"connecting to Kafka at {settings.kafka}: {error}") from error
    return bus


async def _closed(starting: "asyncio.Task[Bus]") -> None:
    starting.cancel()  # which does nothing once it is done
    await asyncio.wait({starting})
    if not _failed(starting):
        with suppress(MemoryServiceError):
            await starting.result().close()


def _failed(starting: "asyncio.Task[Bus]") -> bool:
    return starting.cancelled() or starting.exception() is not None


def _late(address: str, call: Call[Any], seconds: float) -> HumanMemoryError:
    return HumanMemoryError(
        f"the memory at {address} did not answer {call.route.method} {call.resource} within "
        f"{seconds:g} s; the outcome is unknown",
        504,
    )


def closed_meanwhile() -> HumanMemoryError:
    """The error of a call during which the client was closed."""
    return HumanMemoryError("this memory was closed before the answer came; the outcome is unknown")


def _check_size(call: Call[Any], fields: bytes) -> None:
    """As over HTTP, so that both say the same."""
    allowed = HTTP_BATCH_BYTES_MAX if call.route is STORE_BATCH else HTTP_BODY_BYTES_MAX
    if len(fields) > allowed:
        text = f"the body has more than {allowed:,} bytes"
        raise error_of(413, resource=call.resource, body=text)


class KafkaTransport:
    """The same for callers without an event loop: one runs in a thread of its own."""

    def __init__(self, address: str, timeout: float, namespace: str) -> None:
        self._address = address
        self._timeout = timeout
        self._inner = AsyncKafkaTransport(address, timeout, namespace)
        self._thread: _Thread | None = None
        self._closed = False
        self._starting = threading.RLock()
        begins_anew(self)

    def leave_behind(self) -> object:
        """See `human_memory.forks`."""
        left, self._thread, self._starting = self._thread, None, threading.RLock()
        if left is not None:
            left.at_garbage.detach()
        return left

    def send(self, call: Call[T]) -> T:
        """As `AsyncKafkaTransport.send`."""
        with self._starting:
            if self._closed:
                raise closed()
            thread = self._thread = self._thread or self._started()
        try:
            return thread.wait_for(self._inner.send(call), self._timeout + 2 * GRACE_SECONDS)
        except TimeoutError:
            raise _late(self._address, call, self._timeout) from None
        except concurrent.futures.CancelledError:
            raise closed_meanwhile() from None

    def close(self) -> None:
        """Disconnect and end the thread; a second call does nothing."""
        with self._starting:
            self._closed = True
            thread, self._thread = self._thread, None
        if thread is not None:
            thread.at_garbage()
            thread.join(min(self._timeout, CLOSE_SECONDS_MAX) + GRACE_SECONDS)

    def _started(self) -> "_Thread":
        try:
            return _Thread(self, self._inner)
        except RuntimeError as error:
            raise HumanMemoryError(f"{error}: kafka:// without asyncio needs one") from error


class _Thread(threading.Thread):
    """An event loop that runs until its owner is closed or garbage, and disconnects then."""

    def __init__(self, owner: object, inner: AsyncKafkaTransport) -> None:
        super().__init__(name="human-memory-sdk", daemon=True)
        self._inner = inner
        self._loop = asyncio.new_event_loop()
        self._end = asyncio.Event()
        # Calling it ends the thread, whoever is first.
        self.at_garbage = weakref.finalize(owner, self._loop.call_soon_threadsafe, self._end.set)
        self.at_garbage.atexit = False  # the process ends without waiting for Kafka
        self.start()

    def wait_for(self, work: Coroutine[Any, Any, T], seconds: float) -> T:
        """The result of `work`, done in the loop.

        Raises:
            CancelledError: the loop ended before.
            TimeoutError: it took longer.
        """
        try:
            future = asyncio.run_coroutine_threadsafe(work, self._loop)
        except RuntimeError:  # the loop is closed
            work.close()
            raise concurrent.futures.CancelledError from None
        try:
            return future.result(seconds)
        finally:
            future.cancel()  # of no effect once it is done

    def run(self) -> None:
        """The thread's work."""
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._until_end())

    async def _until_end(self) -> None:
        await self._end.wait()
        await self._inner.close()
