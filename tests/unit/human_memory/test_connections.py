"""Connections that are reset: aiokafka hears of it as an error of the connection, on every loop."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
import uvloop
from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.metadata import MetadataRequest

import human_memory.bus.settings  # noqa: F401 # mends them

Loop = Callable[[], asyncio.AbstractEventLoop]


@asynccontextmanager
async def on_a_reset_connection() -> AsyncIterator[AIOKafkaConnection]:
    """A connection whose transport the loop has just given up, before aiokafka could notice."""
    gone = asyncio.Event()

    async def answer_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            await reader.read()
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        gone.set()

    server = await asyncio.start_server(answer_nothing, "127.0.0.1", 0)
    connection = AIOKafkaConnection("127.0.0.1", server.sockets[0].getsockname()[1])
    connection._do_version_lookup = _nothing
    connection._versions = {MetadataRequest.API_KEY: (0, 5)}
    async with server:
        await connection.connect()
        connection._writer.transport.abort()  # as the loop does when it reads a reset
        await asyncio.sleep(0)  # now it is closed, and whoever reads from it not awake yet
        yield connection
        await gone.wait()


async def _nothing() -> None:
    pass


def run(work: Coroutine[Any, Any, None], loop: Loop) -> None:
    """Run `work` to its end on such a loop."""
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(work)


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_request_on_a_connection_that_was_reset_is_a_connection_error(loop: Loop) -> None:
    async def send() -> None:
        async with on_a_reset_connection() as connection:
            with pytest.raises(KafkaConnectionError):
                await connection.send(MetadataRequest([]))

        assert not connection.connected()

    run(send(), loop)


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_login_on_a_connection_that_was_reset_is_a_connection_error(loop: Loop) -> None:
    async def send() -> None:
        async with on_a_reset_connection() as connection:
            with pytest.raises(KafkaConnectionError):
                await connection._send_sasl_token(b"\0me\0secret", expect_response=True)

        assert not connection.connected()

    run(send(), loop)
