"""The clients of the gateway that the benchmark measures with."""

import asyncio

import pytest

from bench.http_clients import HttpClients, HttpError
from human_memory.routes import SEARCH
from tests.unit.sdk.scripted_server import Answer, serving


async def test_request_is_sent_whole_and_its_answer_read() -> None:
    with serving(Answer(200, {"results": []})) as server:
        async with HttpClients(server.url) as clients:
            answer = await clients.post(SEARCH, {"query": "tea"}, namespace="bench/a")

    (asked,) = server.asked
    assert answer == {"results": []}
    assert (asked.method, asked.path, asked.body) == ("POST", SEARCH.path, {"query": "tea"})
    assert asked.headers["x-memory-namespace"] == "bench/a"


async def test_each_request_at_a_time_has_a_connection_which_is_used_again() -> None:
    with serving(Answer(200, {})) as server:
        async with HttpClients(server.url) as clients:
            for _ in range(2):
                await asyncio.gather(
                    *(clients.post(SEARCH, {}, namespace="bench/a") for _ in range(3))
                )

            assert len(clients.idle) == 3


async def test_connection_that_the_server_has_closed_is_replaced() -> None:
    with serving(Answer(200, {}, {"Connection": "close"}), Answer(200, {})) as server:
        async with HttpClients(server.url) as clients:
            await clients.post(SEARCH, {}, namespace="bench/a")
            ((reader, _),) = clients.idle
            async with asyncio.timeout(10):
                await reader.read()  # until the end

            await clients.post(SEARCH, {}, namespace="bench/a")

    assert len(server.asked) == 2


async def test_answer_that_is_none_of_success_is_an_error() -> None:
    with serving(Answer(503, {"detail": "busy"})) as server:
        async with HttpClients(server.url) as clients:
            with pytest.raises(HttpError, match="503"):
                await clients.post(SEARCH, {}, namespace="bench/a")
