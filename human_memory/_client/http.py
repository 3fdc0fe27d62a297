"""Calls over HTTP, with connections that are kept, and repeated only where that is safe."""

import asyncio
import random
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar

import httpx
from pydantic import TypeAdapter
from pydantic_core import PydanticSerializationError, to_json

from human_memory._client.addresses import without_password
from human_memory._client.calls import Call
from human_memory.deadline import Deadline
from human_memory.exceptions import (
    HumanMemoryError,
    ServiceUnavailable,
    ValidationError,
    error_of,
)
from human_memory.routes import (
    IDEMPOTENCY_HEADER,
    NAMESPACE_HEADER,
    TIMEOUT_HEADER,
    TIMEOUT_MS_MAX,
)

T = TypeVar("T")
# The first pause covers a server that closed an idle connection, the second its restart.
PAUSES_SECONDS = (0.1, 0.5)
RETRY_AFTER_SECONDS_MAX = 2.0
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class _Http:
    """What the two clients share: arguments of a request, meaning of an answer, when to repeat."""

    def __init__(self, base_url: str, timeout: float, headers: Mapping[str, str]) -> None:
        self._base_url = base_url
        self._shown = without_password(base_url)
        try:
            httpx.URL(base_url)
        except httpx.InvalidURL:
            # Its text may show a part of the key, if the key is what makes it one.
            raise HumanMemoryError(f"{self._shown!r} is no address of a memory") from None
        self._timeout = timeout
        self._headers = {
            "Content-Type": "application/json",
            TIMEOUT_HEADER: str(min(max(1, round(timeout * 1000)), TIMEOUT_MS_MAX)),
            **headers,
        }

    def _arguments(self) -> dict[str, Any]:
        return {"base_url": self._base_url, "timeout": self._timeout, "headers": self._headers}

    def _request(self, call: Call[Any]) -> dict[str, Any]:
        headers = {}
        if call.namespace is not None:
            headers[NAMESPACE_HEADER] = call.namespace
        if call.idempotency_key is not None:
            headers[IDEMPOTENCY_HEADER] = call.idempotency_key
        return {
            "method": call.route.method,
            "url": call.url,
            "params": call.query or None,
            "content": None if call.body is None else _encoded(call.body),
            "headers": headers,
        }

    def _answer(self, call: Call[T], response: httpx.Response) -> T:
        if response.status_code >= 400:
            raise error_of(response.status_code, resource=call.resource, body=_error_text(response))
        try:
            return call.result(_reader(call.response).validate_json(response.content))
        except ValueError as error:
            raise HumanMemoryError(
                f"{self._shown} answered {call.route.method} {call.resource} with something "
                f"else than a memory server does: {error!r}; is it the right address?",
                response.status_code,
            ) from error

    def _pause(
        self,
        call: Call[Any],
        failure: httpx.Response | httpx.HTTPError,
        pause: float | None,
        deadline: Deadline,
    ) -> float | None:
        """Seconds until it may be sent again, or None: that could do it twice, or is too late."""
        asked = _asked_pause(call, failure)
        if asked is None or pause is None:
            return None
        wait = max(asked, pause * _jitter())
        return wait if wait < deadline.remaining_seconds() else None

    def _failed(self, call: Call[Any], failure: httpx.HTTPError) -> HumanMemoryError:
        if isinstance(failure, httpx.PoolTimeout):
            return ServiceUnavailable(
                f"all connections of this client to {self._shown} were in use for "
                f"{self._timeout:g} s; nothing was sent"
            )
        if isinstance(failure, httpx.LocalProtocolError):
            return HumanMemoryError(
                f"{call.route.method} {call.resource} is no request that HTTP can carry"
            )
        if isinstance(failure, httpx.TimeoutException) and not isinstance(failure, _NEVER_SENT):
            return HumanMemoryError(
                f"{self._shown} did not answer {call.route.method} {call.resource} within "
                f"{self._timeout:g} s; the outcome is unknown",
                504,
            )
        return ServiceUnavailable(
            f"no memory server answers at {self._shown} ({failure or type(failure).__name__}); "
            "is it running (human-memory up), and is that its address?"
        )


class HttpTransport(_Http):
    """Sends calls and waits."""

    def __init__(self, base_url: str, timeout: float, headers: Mapping[str, str]) -> None:
        super().__init__(base_url, timeout, headers)
        self._client = httpx.Client(**self._arguments())

    def send(self, call: Call[T]) -> T:
        """The call's result.

        Raises:
            HumanMemoryError: it failed.
        """
        with _sendable(call):
            request = self._request(call)
        deadline = Deadline.after(self._timeout)
        for pause in (*PAUSES_SECONDS, None):
            failure: httpx.Response | httpx.HTTPError
            try:
                with _sendable(call):
                    failure = self._client.request(**request, timeout=deadline.remaining_seconds())
                if failure.status_code < 400:
                    return self._answer(call, failure)
            except httpx.HTTPError as error:
                failure = error
            wait = self._pause(call, failure, pause, deadline)
            if wait is None:
                break
            time.sleep(wait)
        if isinstance(failure, httpx.Response):
            return self._answer(call, failure)
        raise self._failed(call, failure) from failure

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


class AsyncHttpTransport(_Http):
    """The same for asyncio."""

    def __init__(self, base_url: str, timeout: float, headers: Mapping[str, str]) -> None:
        super().__init__(base_url, timeout, headers)
        self._client = httpx.AsyncClient(**self._arguments())

    async def send(self, call: Call[T]) -> T:
        """As `HttpTransport.send`."""
        with _sendable(call):
            request = self._request(call)
        deadline = Deadline.after(self._timeout)
        for pause in (*PAUSES_SECONDS, None):
            failure: httpx.Response | httpx.HTTPError
            try:
                with _sendable(call):
                    failure = await self._client.request(
                        **request, timeout=deadline.remaining_seconds()
                    )
                if failure.status_code < 400:
                    return self._answer(call, failure)
            except httpx.HTTPError as error:
                failure = error
            wait = self._pause(call, failure, pause, deadline)
            if wait is None:
                break
            await asyncio.sleep(wait)
        if isinstance(failure, httpx.Response):
            return self._answer(call, failure)
        raise self._failed(call, failure) from failure

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()


@contextmanager
def _sendable(call: Call[Any]) -> Iterator[None]:
    """Texts that no URL can hold: lone surrogates, or more than 64 KiB of them."""
    try:
        yield
    except (httpx.InvalidURL, UnicodeEncodeError) as error:
        raise ValidationError(
            f"{call.route.method} {call.route.path}: a URL can't hold what it was given ({error})"
        ) from error


def _asked_pause(call: Call[Any], failure: httpx.Response | httpx.HTTPError) -> float | None:
    if isinstance(failure, httpx.Response):
        if failure.status_code != 503 or not call.repeatable:
            return None
        asked = failure.headers.get("Retry-After", "0")
        return min(float(asked) if asked.isdigit() else 0.0, RETRY_AFTER_SECONDS_MAX)
    if isinstance(failure, _NEVER_SENT):
        return 0.0
    dropped = isinstance(failure, httpx.NetworkError | httpx.RemoteProtocolError)
    return 0.0 if dropped and call.repeatable else None


@cache
def _reader(response: Any) -> TypeAdapter[Any]:
    return TypeAdapter(response)


def _encoded(body: Mapping[str, Any]) -> bytes:
    try:
        return to_json(body, inf_nan_mode="null")
    except PydanticSerializationError as error:
        raise TypeError(f"can't be sent as JSON: {error}") from error


def _error_text(response: httpx.Response) -> str:
    if response.status_code != 503:
        return response.text
    # One line for people: `Service unavailable: ` comes before it.
    try:
        return str(response.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return response.text


def _jitter() -> float:
    return 1 + random.random() / 2  # noqa: S311 spreads load, keeps no secret
