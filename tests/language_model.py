"""An OpenAI-compatible API on this machine, and what a test has it answer."""

import asyncio
import re
from collections.abc import Callable
from types import TracebackType
from typing import Self

import orjson

# The answer to the n-th question, given its body; None: silence until the other side gives up.
Reply = Callable[[int, bytes], bytes | None]
FIRST_EPISODE = re.compile(r"1\. (.*)")


class LocalModel:
    """Use it as `async with`. `reply` may be changed at any time, `asked` is what it was sent.

    `answers_max`: after so many it is down: connections are refused until `listen`.
    """

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        self.asked: list[bytes] = []
        self.answers_max: int | None = None
        self._port = 0
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        """What a service is told."""
        return f"http://127.0.0.1:{self._port}/v1"

    async def listen(self) -> None:
        """Be there, at the same address as before."""
        if self._server is None:
            self._server = await asyncio.start_server(self._handle, "127.0.0.1", self._port)
            self._port = self._server.sockets[0].getsockname()[1]

    def leave(self) -> None:
        """Refuse connections."""
        if self._server is not None:
            self._server.close()
            self._server = None

    async def __aenter__(self) -> Self:
        await self.listen()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.leave()

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        self.asked.append(await reader.readexactly(length))
        if len(self.asked) == self.answers_max:
            self.leave()
        body = self.reply(len(self.asked), self.asked[-1])
        if body is None:
            await reader.read()
        else:
            writer.write(body)
            await writer.drain()
        writer.close()


def http(body: bytes, status: str = "200 OK") -> bytes:
    """A whole HTTP answer."""
    head = f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
    return head.encode() + body


def said(content: str) -> bytes:
    """A completion that says this."""
    return http(orjson.dumps({"choices": [{"message": {"content": content}}]}))


def sensible(_: int, question: bytes) -> bytes:
    """A fact of the episodes asked about, that cites two of them."""
    told = orjson.loads(question)["messages"][-1]["content"]
    found = FIRST_EPISODE.search(told)
    assert found is not None, told
    return said(orjson.dumps({"fact": f"As ever: {found[1]}", "episodes": [1, 2]}).decode())
