"""Calls over the bus: the same operations as the gateway's, without a gateway."""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

import orjson

from human_memory.api.problems import http_error
from human_memory.api.service import Asking, perform, probe
from human_memory.bus import Bus
from human_memory.calls import Call
from human_memory.deadline import Deadline
from human_memory.exceptions import error_of
from human_memory.routes import READY
from human_memory.settings import KafkaSettings
from schemas.errors import MemoryServiceError
from schemas.limits import TIMEOUT_MS_MAX

T = TypeVar("T")
CLOSE_SECONDS_MAX = 10.0


class AsyncKafkaTransport:
    """Connects with the first call."""

    def __init__(self, address: str, timeout: float, namespace: str) -> None:
        self._bus = Bus(KafkaSettings(kafka=address), client_id="human-memory-sdk")
        self._timeout = min(timeout, TIMEOUT_MS_MAX / 1000)
        self._namespace = namespace
        self._connecting = asyncio.Lock()
        self._connected = False

    async def send(self, call: Call[T]) -> T:
        """The call's result.

        Raises:
            HumanMemoryError: it failed.
        """
        deadline = Deadline.after(self._timeout)
        try:
            await self._connect()
            if call.route is READY:
                return call.parse({"checks": await probe(self._bus)})
            fields = {**call.path, **call.query, **(call.body or {})}
            asking = Asking(
                self._bus,
                namespace=self._namespace if call.namespace is None else call.namespace,
                deadline=deadline,
                idempotency_key=call.idempotency_key,
            )
            answer = await perform(call.route, orjson.dumps(fields), asking)
        except MemoryServiceError as error:
            status, detail = http_error(error)
            text = detail if status == 503 else orjson.dumps({"detail": detail}).decode()
            raise error_of(status, resource=call.resource, body=str(text)) from error
        return call.parse(answer)

    async def close(self) -> None:
        """Disconnect."""
        await self._bus.close()

    async def _connect(self) -> None:
        async with self._connecting:
            if not self._connected:
                await self._bus.start()
                self._connected = True


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
