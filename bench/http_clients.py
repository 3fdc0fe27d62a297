"""Clients of the gateway that cost next to nothing themselves, as it is the gateway we measure."""

import asyncio
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import orjson

from human_memory.routes import NAMESPACE_HEADER, Route


class HttpError(Exception):
    """An answer that is none of success."""


class HttpClients:
    """As many as there are requests at a time, each with a connection that is kept."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        assert parts.port is not None
        self._host, self._port = parts.hostname, parts.port
        self.idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def post(self, route: Route, fields: Mapping[str, Any], *, namespace: str) -> Any:
        """The answer to a request with a body.

        Raises:
            HttpError, OSError, asyncio.IncompleteReadError: there is none, or it says no.
        """
        body = orjson.dumps(fields)
        head = (
            f"POST {route.path} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\n"
            f"{NAMESPACE_HEADER}: {namespace}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        reader, writer = await self._connection()
        try:
            writer.write(head.encode() + body)
            status, answer = await _answer(reader)
        except BaseException:
            writer.close()
            raise
        self.idle.append((reader, writer))
        if status != route.status:
            raise HttpError(f"{status}: {answer[:200]!r}")
        return orjson.loads(answer)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for _, writer in self.idle:
            writer.close()
        await asyncio.gather(*(writer.wait_closed() for _, writer in self.idle))

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        while self.idle:
            reader, writer = self.idle.pop()
            if not reader.at_eof():  # the server closes what has been idle for long
                return reader, writer
            writer.close()
        return await asyncio.open_connection(self._host, self._port)


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    status, *lines = (await reader.readuntil(b"\r\n\r\n")).lower().split(b"\r\n")
    (length,) = (line for line in lines if line.startswith(b"content-length:"))
    return int(status.split()[1]), await reader.readexactly(int(length.partition(b":")[2]))
