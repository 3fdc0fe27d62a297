"""A language model that answers, answers nonsense, is slow, fails or is down."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import orjson
import pytest

from services.maintenance.adapters import language_model
from services.maintenance.adapters.language_model import LanguageModel, wording_of
from services.maintenance.settings import MaintenanceSettings
from services.maintenance.wording import WordingFailed, answer, question

TEXTS = ["Ann drinks tea.", "Ann had tea.", "Tea for Ann."]
GOOD = '{"fact": "Ann likes tea.", "episodes": [1, 2]}'


@asynccontextmanager
async def served(reply: Callable[[int], bytes | None]) -> AsyncIterator[tuple[str, list[bytes]]]:
    """An API whose n-th answer is `reply(n)`, None for silence; its URL, and what it was sent."""
    asked: list[bytes] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        asked.append(await reader.readexactly(length))
        body = reply(len(asked))
        if body is None:
            await reader.read()  # until the other side gives up
        else:
            writer.write(body)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", asked


def http(body: bytes, status: str = "200 OK") -> bytes:
    head = f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
    return head.encode() + body


def said(content: str) -> bytes:
    return http(orjson.dumps({"choices": [{"message": {"content": content}}]}))


def model(url: str, *, calls: int = 20, timeout: float = 5.0) -> LanguageModel:
    return LanguageModel(
        MaintenanceSettings(
            language_model_url=url,
            language_model="small",
            language_model_calls_max=calls,
            language_model_timeout_seconds=timeout,
        )
    )


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries follow each other at once."""
    monkeypatch.setattr(language_model, "BACKOFF_SECONDS", 0.0)


async def test_fact_comes_from_the_answer_and_the_episodes_are_in_the_question() -> None:
    async with served(lambda _: said(GOOD)) as (url, asked):
        assert await model(url).fact(TEXTS) == "Ann likes tea."

    sent = orjson.loads(asked[0])
    assert sent["model"] == "small"
    assert "2. Ann had tea." in sent["messages"][1]["content"]


@pytest.mark.parametrize(
    "content",
    [
        "I think that Ann likes tea!",
        '{"fact": "Ann likes tea."}',
        '{"fact": "Ann likes tea.", "episodes": [1]}',
        '{"fact": "Ann likes tea.", "episodes": [1, 9]}',
        '{"fact": null, "episodes": []}',
        '{"fact": ["Ann"], "episodes": [1, 2]}',
        "[]",
    ],
)
async def test_answer_that_is_no_fact_is_none(content: str) -> None:
    async with served(lambda _: said(content)) as (url, asked):
        assert await model(url).fact(TEXTS) is None

    assert len(asked) == 1


async def test_failure_that_heals_is_tried_again() -> None:
    broken = http(b"busy", "503 Service Unavailable")
    async with served(lambda n: broken if n < 3 else said(GOOD)) as (url, asked):
        assert await model(url).fact(TEXTS) == "Ann likes tea."

    assert len(asked) == 3


@pytest.mark.parametrize("body", [b"{}", b"not json", b'{"choices": []}', None])
async def test_model_that_never_answers_properly_ends_the_phase(body: bytes | None) -> None:
    async with served(lambda _: None if body is None else http(body)) as (url, asked):
        with pytest.raises(WordingFailed, match="does not answer"):
            await model(url, timeout=0.2).fact(TEXTS)

    assert len(asked) == 3


async def test_model_that_is_down_ends_the_phase() -> None:
    async with served(lambda _: None) as (url, _):
        pass

    with pytest.raises(WordingFailed):
        await model(url).fact(TEXTS)


async def test_calls_of_a_run_are_counted() -> None:
    async with served(lambda _: said(GOOD)) as (url, asked):
        own = model(url, calls=2)
        await own.fact(TEXTS)
        await own.fact(TEXTS)

        with pytest.raises(WordingFailed, match="used up"):
            await own.fact(TEXTS)

    assert len(asked) == 2


def test_without_a_url_no_model_is_asked() -> None:
    assert wording_of(MaintenanceSettings()) is None


def test_question_and_answer_are_bounded_by_the_episodes() -> None:
    assert len(question(TEXTS)) == 2
    assert answer(GOOD, 1) is None
