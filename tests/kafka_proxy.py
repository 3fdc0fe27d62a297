"""A way to Kafka whose connections can be reset: TCP, with Kafka's own address replaced by ours."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

NO_LINGER = struct.pack("ii", 1, 0)  # closing sends RST at once
HOST = "127.0.0.1"
_SIZE = struct.Struct(">i")


class KafkaProxy:
    """Passes on what clients and Kafka say to each other.

    Kafka tells its clients where its brokers are. There the proxy puts its own port, which is as
    long as Kafka's; so clients come here for everything.
    """

    def __init__(self, kafka: str) -> None:
        self._host, _, port = kafka.rpartition(":")
        self._port = int(port)
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.StreamWriter] = set()

    @property
    def address(self) -> str:
        """Where clients connect."""
        return f"{HOST}:{self._own_port}"

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return len(self._clients)

    def reset(self) -> int:
        """Reset all connections of clients; how many there were."""
        clients = list(self._clients)
        for client in clients:
            client.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER
            )
            client.transport.abort()
        return len(clients)

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, HOST, 0)
        told = self._host.encode() + _SIZE.pack(self._port)
        self._theirs, self._ours = told, self._host.encode() + _SIZE.pack(self._own_port)

    async def stop(self) -> None:
        """Listen no more, and reset who is connected."""
        assert self._server is not None
        self._server.close()
        self.reset()
        await self._server.wait_closed()

    @property
    def _own_port(self) -> int:
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._clients.add(writer)
        try:
            from_kafka, to_kafka = await asyncio.open_connection(self._host, self._port)
        except OSError:
            self._clients.discard(writer)
            writer.transport.abort()
            return
        ways = [
            asyncio.create_task(self._ask(reader, to_kafka)),
            asyncio.create_task(self._answer(from_kafka, writer)),
        ]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        self._clients.discard(writer)
        for end in (writer, to_kafka):
            end.transport.abort()
        await asyncio.wait(ways)

    async def _ask(self, reader: asyncio.StreamReader, to_kafka: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65_536):
                to_kafka.write(data)
                await to_kafka.drain()

    async def _answer(self, from_kafka: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            while True:
                size = await from_kafka.readexactly(_SIZE.size)
                frame = await from_kafka.readexactly(*_SIZE.unpack(size))
                writer.write(size + frame.replace(self._theirs, self._ours))
                await writer.drain()


@asynccontextmanager
async def kafka_proxy(kafka: str) -> AsyncIterator[KafkaProxy]:
    """A proxy before the Kafka at that address."""
    proxy = KafkaProxy(kafka)
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.stop()
