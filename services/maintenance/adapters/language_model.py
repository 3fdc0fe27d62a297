"""A language model behind an OpenAI-compatible API, with a time limit, retries and a budget."""

import asyncio
from typing import Any

import httpx
import orjson
import structlog

from services.maintenance.phrasing import Nonsense, WordingFailed, answer, question
from services.maintenance.settings import MaintenanceSettings

log = structlog.get_logger(__name__)
TRIES = 3
BACKOFF_SECONDS = 0.5
ANSWER_BYTES_MAX = 100_000
# No connection, an error, or an answer of another form; InvalidURL is no HTTPError.
# Not asked for again: the request itself is refused, and will be. 408, 425 and 429 pass.
REFUSED = frozenset(range(400, 500)) - {408, 425, 429}
FAILURES = (httpx.HTTPError, httpx.InvalidURL, ValueError, LookupError, TypeError)


class LanguageModel:
    """`Wording` by a model; one for each run, as its budget is the run's."""

    def __init__(self, settings: MaintenanceSettings) -> None:
        self.name = settings.language_model or "language model"
        self._url = settings.language_model_url.rstrip("/") + "/chat/completions"
        key = settings.language_model_key
        self._headers = {"Authorization": f"Bearer {key.get_secret_value()}"} if key else {}
        self._timeout = settings.language_model_timeout_seconds
        self._left = settings.language_model_calls_max
        # Many servers know no `response_format`, or other ones, and refuse the whole request.
        self._format: dict[str, Any] = {"response_format": {"type": "json_object"}}
        self._refusal: str | None = None

    async def fact(self, texts: list[str]) -> str | None:
        """See `Wording`."""
        failure = ""
        if self._refusal is not None:
            raise Nonsense(self._refusal)
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
            except FAILURES as error:
                failure = f"{type(error).__name__}: {error}"[:200]
            log.warning("language model", error=failure, attempt=attempt)
        raise WordingFailed(f"the language model does not answer: {failure}")

    async def _asked(self, texts: list[str]) -> str:
        body = {
            "model": self.name,
            "messages": question(texts),
            "temperature": 0,
            **self._format,
        }
        async with (
            asyncio.timeout(self._timeout),
            httpx.AsyncClient(timeout=self._timeout) as client,
        ):
            response = await client.post(self._url, json=body, headers=self._headers)
        if response.status_code in REFUSED and not self._format:
            self._refusal = f"it refuses the request with {response.status_code}: " + repr(
                response.text[:200]
            )
            raise Nonsense(self._refusal)
        if response.status_code in REFUSED:
            self._format = {}
        response.raise_for_status()
        if len(response.content) > ANSWER_BYTES_MAX:
            raise ValueError(f"an answer of {len(response.content):,} bytes")
        return _text(orjson.loads(response.content)["choices"][0]["message"]["content"])


def _text(content: Any) -> str:
    """The text of a message; some servers send it in parts."""
    if isinstance(content, list):
        content = "".join(part["text"] for part in content if part.get("type") == "text")
    if not isinstance(content, str):
        raise TypeError("an answer without text")
    return content


def wording_of(settings: MaintenanceSettings) -> LanguageModel | None:
    """The model that the settings name, or none."""
    return LanguageModel(settings) if settings.language_model_url else None
