"""Additions to aiokafka: connections that fail in a way it knows, and limits to its waiting."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import wraps
from typing import Any

from aiokafka.client import AIOKafkaClient
from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.errors import KafkaConnectionError

CUT_OFF_SECONDS_MAX = 1.0
Send = Callable[..., Any]


def mend_connections() -> None:
    """Mend those of every producer, consumer and admin client of this process; again is harmless.

    On uvloop a write to a transport that was reset raises `RuntimeError: unable to perform
    operation on <TCPTransport closed=True ...>`. aiokafka expects an OSError there
    (aio-libs/aiokafka#1038): its task for metadata, for the group or for fetching ended, in
    silence, and whoever needed it waited for ever.
    """
    for name in ("send", "_send_sasl_token"):
        send = getattr(AIOKafkaConnection, name)
        if not hasattr(send, "__wrapped__"):
            setattr(AIOKafkaConnection, name, _mended(send))


def _mended(send: Send) -> Send:
    @wraps(send)
    def mended(self: AIOKafkaConnection, *arguments: Any, **options: Any) -> Any:
        try:
            return send(self, *arguments, **options)
        except RuntimeError as error:
            self.close(reason=CloseReason.CONNECTION_BROKEN)
            raise KafkaConnectionError(
                f"Connection at {self.host}:{self.port} broken: {error}"
            ) from error

    return mended


def within(seconds: float, method: Callable[..., Awaitable[Any]]) -> Callable[..., Any]:
    """A method of aiokafka's that waits no longer than that.

    What waits for another answer (a leader, a coordinator, metadata) aiokafka lets wait for ever
    if whoever looks for it has died, and for a minute and more where it has not.
    """

    @wraps(method)
    async def bounded(self: Any, *arguments: Any, **options: Any) -> Any:
        try:
            async with asyncio.timeout(seconds):
                return await method(self, *arguments, **options)
        except TimeoutError:
            raise KafkaConnectionError(
                f"no answer from Kafka to {method.__name__} within {seconds:g} s"
            ) from None

    return bounded


def ended(tasks: Mapping[str, "asyncio.Task[Any] | None"]) -> str | None:
    """The first of a client's background tasks that is over, and why; None if all are at work."""
    for name, task in tasks.items():
        if task is not None and task.done():
            error = "it was cancelled" if task.cancelled() else repr(task.exception())
            return f"aiokafka's task for {name} has ended: {error}"
    return None


async def cut_off(client: AIOKafkaClient, tasks: Iterable["asyncio.Task[Any] | None"]) -> None:
    """End a client whose own way to stop has failed: its tasks, then its connections."""
    running = [task for task in tasks if task is not None and not task.done()]
    for task in running:
        task.cancel()
    if running:
        await asyncio.wait(running, timeout=CUT_OFF_SECONDS_MAX)
    for connection in list(client._conns.values()):
        connection.close(reason=CloseReason.SHUTDOWN)  # what it has not sent it may keep
