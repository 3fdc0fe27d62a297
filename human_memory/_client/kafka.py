"""Calls over the bus: the same operations as the gateway's, without a gateway."""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import PydanticSerializationError, to_json, to_jsonable_python

from human_memory._client.calls import Call
from human_memory.bus.bus import Bus
from human_memory.bus.settings import KafkaSettings
from human_memory.deadline import Deadline
from human_memory.exceptions import HumanMemoryError, MemoryNotFound, ServiceUnavailable
from human_memory.exceptions import ValidationError as Refused
from human_memory.operations.context import RequestContext
from human_memory.operations.problems import refused
from human_memory.operations.table import OPERATIONS, Operation
from human_memory.routes import STORE_BATCH
from schemas.errors import (
    DeadlineExceeded,
    MemoryServiceError,
    NotFound,
    Rejected,
    Unavailable,
)
from schemas.limits import HTTP_BODY_BYTES_MAX, TIMEOUT_MS_MAX

T = TypeVar("T")
CLOSE_SECONDS_MAX = 10.0


class AsyncKafkaTransport:
    """Connects with the first call."""

    def __init__(self, address: str, timeout: float, namespace: str) -> None:
        self._settings = KafkaSettings(kafka=address)
        self._bus: Bus | None = None
        self._timeout = min(timeout, TIMEOUT_MS_MAX / 1000)
        self._namespace = namespace
        self._connecting = asyncio.Lock()

    async def send(self, call: Call[T]) -> T:
        """The call's result.

        Raises:
            HumanMemoryError: it failed.
        """
        deadline = Deadline.after(self._timeout)
        try:
            bus = await self._connected(deadline)
            context = RequestContext(
                bus,
                namespace=self._namespace if call.namespace is None else call.namespace,
                deadline=deadline,
                idempotency_key=call.idempotency_key,
            )
            operation = OPERATIONS[call.route]
            return call.result(await operation.perform(_request(operation, call), context))
        except MemoryServiceError as error:
            raise _raised(error, call.resource) from error

    async def close(self) -> None:
        """Disconnect."""
        bus, self._bus = self._bus, None
        if bus is not None:
            await bus.close()

    async def _connected(self, deadline: Deadline) -> Bus:
        try:
            async with asyncio.timeout(deadline.remaining_seconds()), self._connecting:
                if self._bus is None:
                    # One that could not start can't be started again: the next call makes another.
                    bus = Bus(self._settings, client_id="human-memory-sdk")
                    await bus.start()
                    self._bus = bus
                return self._bus
        except TimeoutError:
            raise Unavailable(
                f"Kafka at {self._settings.kafka} did not answer within {self._timeout:g} s; "
                "nothing was sent"
            ) from None


def _request(operation: Operation, call: Call[Any]) -> Any:
    try:
        fields = to_jsonable_python(call.fields, inf_nan_mode="null")
    except PydanticSerializationError as error:
        raise TypeError(f"can't be sent as JSON: {error}") from error
    try:
        return operation.request.model_validate(fields)
    except ValidationError as error:
        # What no body over HTTP could hold has the same answer here.
        if len(to_json(fields)) > HTTP_BODY_BYTES_MAX and call.route is not STORE_BATCH:
            text = f"the body has more than {HTTP_BODY_BYTES_MAX:,} bytes"
            raise HumanMemoryError(f"HTTP 413: {text}", 413) from None
        raise refused(error, operation.request) from None


def _raised(error: MemoryServiceError, resource: str) -> HumanMemoryError:
    """The client's exception for an error of the service."""
    match error:
        case NotFound():
            return MemoryNotFound(resource)
        case Rejected():
            return Refused(error.message)
        case DeadlineExceeded():
            return HumanMemoryError(error.message, error.http_status)
        case _:
            return ServiceUnavailable(error.message)


class KafkaTransport:
    """The same for callers without an event loop: one runs in a thread of its own."""

    def __init__(self, address: str, timeout: float, namespace: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="human-memory-sdk", daemon=True
        )
        self._thread.start()
        self._inner = self._run(_made(address, timeout, namespace))

    def send(self, call: Call[T]) -> T:
        """As `AsyncKafkaTransport.send`."""
        return self._run(self._inner.send(call))

    def close(self) -> None:
        """Disconnect and end the thread; a second call does nothing."""
        if self._loop.is_closed():
            return
        try:
            self._run(self._inner.close())
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(CLOSE_SECONDS_MAX)
            self._loop.close()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


async def _made(address: str, timeout: float, namespace: str) -> AsyncKafkaTransport:
    return AsyncKafkaTransport(address, timeout, namespace)
