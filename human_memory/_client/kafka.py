"""Calls over the bus: the same operations as the gateway's, without a gateway."""

import asyncio
import concurrent.futures
import threading
import weakref
from contextlib import suppress
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import PydanticSerializationError, to_json

from human_memory._client.calls import Call
from human_memory._client.failures import NOT_REPEATED
from human_memory._client.loops import closed, running_loop
from human_memory._client.repeating import Repeating
from human_memory.bus.bus import Bus
from human_memory.bus.complaints import complain_less
from human_memory.bus.settings import KafkaSettings, settings_refused
from human_memory.deadline import Deadline
from human_memory.exceptions import HumanMemoryError, MemoryNotFound, ServiceUnavailable
from human_memory.exceptions import ValidationError as Refused
from human_memory.forks import begins_anew
from human_memory.operations.context import RequestContext
from human_memory.operations.reading import request_of
from human_memory.operations.table import OPERATIONS, Operation
from human_memory.routes import STORE_BATCH
from schemas.errors import (
    DeadlineExceeded,
    MemoryServiceError,
    NotFound,
    Rejected,
    Unavailable,
)
from schemas.limits import HTTP_BODY_BYTES_MAX

T = TypeVar("T")
CLOSE_SECONDS_MAX = 10.0
# The bus's own limits know what was waited for, so they come first.
GRACE_SECONDS = 0.2
_THREAD = "human-memory-sdk"
# Our calls say what fails; the program may use aiokafka for itself, in threads of its own.
complain_less(lambda record: record.threadName == _THREAD)


class _Kafka:
    """The common part of both clients: a bus in a thread of its own, made by a process's first
    call.

    Not in the caller's event loop, also where there is one: `asyncio.run` cancels all tasks of its
    loop in the end, those of the Kafka client too, which then leaves its connections open.
    """

    def __init__(self, address: str, timeout: float, namespace: str) -> None:
        try:
            self._settings = KafkaSettings(kafka=address)
        except ValidationError as error:
            raise HumanMemoryError(settings_refused(error)) from None
        self._timeout = timeout
        self._close_seconds = min(timeout, CLOSE_SECONDS_MAX)
        self._namespace = namespace
        self._thread: _Thread | None = None
        self._closed = False
        self._starting = threading.RLock()
        begins_anew(self)

    def leave_behind(self) -> object:
        """See `human_memory.forks`."""
        left, self._thread, self._starting = self._thread, None, threading.RLock()
        if left is not None:
            left.end.detach()
        return left

    def _sent(self, call: Call[T]) -> "concurrent.futures.Future[T]":
        with self._starting:
            if self._closed:
                raise closed()
            if self._thread is None:
                self._thread = _Thread(self, _Connection(self._settings, self._close_seconds))
            return self._thread.submit(call, self._namespace, self._timeout)

    def _ended(self) -> "_Thread | None":
        with self._starting:
            self._closed = True
            thread, self._thread = self._thread, None
        if thread is not None:
            thread.end()
        return thread

    def _failure(self, call: Call[Any], error: BaseException) -> HumanMemoryError:
        if isinstance(error, TimeoutError):
            return HumanMemoryError(
                f"the memory at {self._settings.kafka} did not answer {call.route.method} "
                f"{call.resource} within {self._timeout:g} s; the outcome is unknown",
                504,
            )
        if self._closed:
            return HumanMemoryError(
                "this memory was closed before the answer came; the outcome is unknown"
            )
        assert isinstance(error, MemoryServiceError)
        return _raised(error)


class KafkaTransport(_Kafka):
    """Sends calls and waits."""

    def send(self, call: Call[T]) -> T:
        """The call's result.

        Raises:
            HumanMemoryError: it failed.
        """
        future = self._sent(call)
        try:
            return future.result(self._timeout + 2 * GRACE_SECONDS)
        except (MemoryServiceError, TimeoutError, concurrent.futures.CancelledError) as error:
            raise self._failure(call, error) from error
        finally:
            future.cancel()  # of no effect once it is done

    def close(self) -> None:
        """Disconnect; a second call does nothing."""
        thread = self._ended()
        if thread is not None:
            thread.join(self._close_seconds + GRACE_SECONDS)


class AsyncKafkaTransport(_Kafka):
    """The same for asyncio, in any loop."""

    async def send(self, call: Call[T]) -> T:
        """As `KafkaTransport.send`."""
        running_loop()
        future = self._sent(call)
        try:
            async with asyncio.timeout(self._timeout + 2 * GRACE_SECONDS):
                return await asyncio.wrap_future(future)
        except (MemoryServiceError, TimeoutError) as error:
            raise self._failure(call, error) from error
        except asyncio.CancelledError as error:
            # Of the call, in the thread that was ended; or of whoever waits for it here.
            if future.cancelled() and not _being_cancelled():
                raise self._failure(call, error) from None
            raise

    async def close(self) -> None:
        """Disconnect; a second call does nothing."""
        running_loop()
        thread = self._ended()
        if thread is not None:
            await asyncio.to_thread(thread.join, self._close_seconds + GRACE_SECONDS)


def _being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


class _Thread(threading.Thread):
    """An event loop that runs until its owner is closed or garbage, and disconnects then."""

    def __init__(self, owner: object, connection: "_Connection") -> None:
        super().__init__(name=_THREAD, daemon=True)
        self._connection = connection
        self._loop = asyncio.new_event_loop()
        self._end = asyncio.Event()
        try:
            self.start()
        except RuntimeError as error:  # at the interpreter's end, or where there are too many
            self._loop.close()
            raise HumanMemoryError(f"{error}: kafka:// needs one") from error
        # What ends it, whoever is first; a process ends without waiting for Kafka.
        self.end = weakref.finalize(owner, self._loop.call_soon_threadsafe, self._end.set)
        self.end.atexit = False

    def submit(
        self, call: Call[T], namespace: str, timeout: float
    ) -> "concurrent.futures.Future[T]":
        """The call's result, which raises TimeoutError too, and CancelledError if the loop ends."""
        work = _performed(self._connection, call, namespace, timeout)
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def run(self) -> None:
        """The thread's work."""
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._until_end())

    async def _until_end(self) -> None:
        await self._end.wait()
        await self._connection.close()


async def _performed(connection: "_Connection", call: Call[T], namespace: str, timeout: float) -> T:
    """The result, asked for again while there is time, as far as that is safe."""
    deadline = Deadline.after(timeout)
    tries = Repeating(deadline)
    async with asyncio.timeout(timeout + GRACE_SECONDS):
        while True:
            sent = False
            try:
                bus = await connection.bus(deadline.remaining_seconds())
                sent = True
                return await _once(bus, call, namespace, deadline)
            except Unavailable as error:
                pause = None
                safe = call.repeated == "safely" or (call.repeated == "unsent" and not sent)
                if safe and not connection.closed:
                    pause = tries.pause(error.message)
                if pause is None:
                    raise _given_up(error, call, sent=sent) from None
            await asyncio.sleep(pause)


async def _once(bus: Bus, call: Call[T], namespace: str, deadline: Deadline) -> T:
    context = RequestContext(
        bus,
        namespace=namespace if call.namespace is None else call.namespace,
        deadline=deadline,
        idempotency_key=call.idempotency_key,
        call=call.id,
    )
    operation = OPERATIONS[call.route]
    return call.result(await operation.perform(_request(operation, call), context))


def _given_up(error: Unavailable, call: Call[Any], *, sent: bool) -> Unavailable:
    if sent and call.repeated == "unsent":
        return Unavailable(f"{error.message}; {NOT_REPEATED}", **error.details)
    return error


class _Connection:
    """The bus of one thread."""

    def __init__(self, settings: KafkaSettings, close_seconds: float) -> None:
        self._settings = settings
        self._close_seconds = close_seconds
        self._starting: asyncio.Task[Bus] | None = None
        self.closed = False

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
            raise Unavailable("the client was closed while it connected; nothing was sent")
        return starting.result()

    async def close(self) -> None:
        """Disconnect, or give up on it in time."""
        self.closed = True
        if self._starting is not None:
            closing = asyncio.create_task(_closed(self._starting))
            await asyncio.wait({closing}, timeout=self._close_seconds)
            closing.cancel()


async def _started(settings: KafkaSettings) -> Bus:
    bus = Bus(settings, client_id="human-memory-sdk")
    try:
        await bus.start()
    except (OSError, ValueError) as error:  # such as a certificate that can't be read, now or later
        words = f"connecting to Kafka at {settings.kafka}: {error}"
        raise ServiceUnavailable(words) from error
    return bus


async def _closed(starting: "asyncio.Task[Bus]") -> None:
    starting.cancel()  # which does nothing once it is done
    await asyncio.wait({starting})
    if not _failed(starting):
        with suppress(MemoryServiceError):
            await starting.result().close()


def _failed(starting: "asyncio.Task[Bus]") -> bool:
    return starting.cancelled() or starting.exception() is not None


def _request(operation: Operation, call: Call[Any]) -> Any:
    try:
        body = to_json(call.fields, inf_nan_mode="constants")
    except PydanticSerializationError as error:
        raise TypeError(f"can't be sent as JSON: {error}") from error
    # What no body over HTTP could hold has the same answer here.
    if len(body) > HTTP_BODY_BYTES_MAX and call.route is not STORE_BATCH:
        text = f"the body has more than {HTTP_BODY_BYTES_MAX:,} bytes"
        raise HumanMemoryError(f"HTTP 413: {text}", 413)
    return request_of(operation.request, body)


def _raised(error: MemoryServiceError) -> HumanMemoryError:
    """The client's exception for an error of the service."""
    match error:
        case NotFound():
            return MemoryNotFound(error.message)
        case Rejected():
            return Refused(error.message)
        case DeadlineExceeded():
            return HumanMemoryError(error.message, error.http_status)
        case _:
            return ServiceUnavailable(error.message)
