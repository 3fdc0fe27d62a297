"""A language model behind an OpenAI-compatible API, with a time limit, retries and a budget."""

import asyncio
from typing import Any

import httpx
import orjson
import structlog

from services.maintenance.phrasing import SHOWN, Nonsense, WordingFailed, answer, question
from services.maintenance.settings import MaintenanceSettings

log = structlog.get_logger(__name__)
TRIES = 3
BACKOFF_SECONDS = 0.5
ANSWER_BYTES_MAX = 100_000
# No connection, an error, or an answer of another form; InvalidURL is no HTTPError.
FAILURES = (httpx.HTTPError, httpx.InvalidURL, ValueError, LookupError, TypeError)
# Many servers and models know only some of these, and refuse the whole request with any status.
OPTIONS: dict[str, Any] = {"temperature": 0, "response_format": {"type": "json_object"}}
# Here something else is to blame: a key, a bill, an address, a rate, a fault on the way.
NOT_OF_OPTIONS = frozenset({401, 402, 403, 404, 408, 425, 429, 502, 503, 504})
UNREADABLE = frozenset({400, 413, 422})  # this text, too long or not admitted: others may pass
WRONGLY_SET_UP = frozenset({401, 402, 403, 404})  # each try would fare the same


class LanguageModel:
    """`Wording` by a model; one for each run, as its budget is the run's."""

    def __init__(self, settings: MaintenanceSettings) -> None:
        self.name = settings.language_model or "language model"
        self._url = settings.language_model_url.rstrip("/") + "/chat/completions"
        key = settings.language_model_key
        self._headers = {"Authorization": f"Bearer {key.get_secret_value()}"} if key else {}
        self._timeout = settings.language_model_timeout_seconds
        self._left = settings.language_model_calls_max
        self._options = OPTIONS

    async def fact(self, texts: list[str]) -> str | None:
        """See `Wording`."""
        failure = ""
        for attempt in range(TRIES):
            if self._left <= 0:
                raise WordingFailed("the language model's calls for one run are used up")
            self._left -= 1
            if attempt > 0:
                await asyncio.sleep(BACKOFF_SECONDS * 2 ** (attempt - 1))
            try:
                return answer(await self._asked(texts), len(texts))
            except (TimeoutError, httpx.TimeoutException):
                failure = f"nothing within {self._timeout:g} s"
            except _Refusal as error:
                failure = str(error)
                if self._options and error.status not in NOT_OF_OPTIONS:
                    self._options = {}
                elif error.status in UNREADABLE:
                    raise Nonsense(failure) from error
                if error.status in WRONGLY_SET_UP:
                    break
            except FAILURES as error:
                failure = f"{type(error).__name__}: {error}"[:200]
            log.warning("language model", error=failure, attempt=attempt)
        raise WordingFailed(f"the language model does not answer: {failure}")

    async def _asked(self, texts: list[str]) -> str:
        body = {"model": self.name, "messages": question(texts), **self._options}
        async with (
            asyncio.timeout(self._timeout),
            httpx.AsyncClient(timeout=self._timeout) as client,
        ):
            response = await client.post(self._url, json=body, headers=self._headers)
        if not response.is_success:
            raise _Refusal(response.status_code, response.text)
        if len(response.content) > ANSWER_BYTES_MAX:
            raise ValueError(f"an answer of {len(response.content):,} bytes")
        reply = orjson.loads(response.content)
        if "choices" not in reply and "error" in reply:  # some send errors as answers
            code = reply["error"].get("code") if isinstance(reply["error"], dict) else None
            raise _Refusal(code if isinstance(code, int) else 500, response.text)
        return _text(reply["choices"][0]["message"])


class _Refusal(Exception):
    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"it answers {status}: {text[:200]!r}")
        self.status = status


def _text(message: dict[str, Any]) -> str:
    """The text of a message, which some servers send in parts.

    Raises:
        Nonsense: it has none, since the model refused to answer or came no further than thoughts.
    """
    content = message.get("content")
    if isinstance(content, list):
        parts = [part for part in content if part.get("type") in ("text", "output_text")]
        content = "".join(part["text"] for part in parts)
    if not content:
        raise Nonsense(f"an answer without text: {message!r}"[:SHOWN])
    if not isinstance(content, str):
        raise TypeError("an answer whose content is no text")
    return content


def wording_of(settings: MaintenanceSettings) -> LanguageModel | None:
    """The model that the settings name, or none."""
    return LanguageModel(settings) if settings.language_model_url else None
