"""Calls over HTTP, with connections that are kept, and repeated only where that is safe."""

import asyncio
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache, partial
from typing import Any, TypeVar

import httpx
from pydantic import TypeAdapter
from pydantic_core import PydanticSerializationError, to_json

from human_memory._client.addresses import without_password
from human_memory._client.calls import Call
from human_memory._client.limits import limited, within
from human_memory._client.loops import PerLoop, closed
from human_memory.deadline import Deadline
from human_memory.exceptions import (
    HumanMemoryError,
    ServiceUnavailable,
    ValidationError,
    error_of,
)
from human_memory.forks import begins_anew
from human_memory.routes import (
    IDEMPOTENCY_HEADER,
    NAMESPACE_HEADER,
    TIMEOUT_HEADER,
    TIMEOUT_MS_MAX,
)

T = TypeVar("T")
C = TypeVar("C", httpx.Client, httpx.AsyncClient)
# The first pause covers a server that closed an idle connection, the second its restart.
PAUSES_SECONDS = (0.1, 0.5)
RETRY_AFTER_SECONDS_MAX = 2.0
# The limits of httpx know what was waited for, so they come first; only their sum comes to this.
GRACE_SECONDS = 0.2
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class _Http:
    """The common part of both clients: request arguments, meaning of answers, when to repeat."""

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
                f"{self._shown} answered {call.route.method} {call.resource} as no memory "
                f"server does ({str(error).partition(chr(10))[0]}); is it the right address?",
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
            return HumanMemoryError(f"{call.route.method} {call.resource} can't be sent over HTTP")
        if isinstance(failure, httpx.TimeoutException) and not isinstance(failure, _NEVER_SENT):
            return self._late(call)
        why = str(failure) or type(failure).__name__
        return ServiceUnavailable(
            f"no memory server answers at {self._shown} ({why}); "
            "is it running (human-memory up), and is that its address?"
        )

    def _late(self, call: Call[Any]) -> HumanMemoryError:
        return HumanMemoryError(
            f"{self._shown} did not answer {call.route.method} {call.resource} within "
            f"{self._timeout:g} s; the outcome is unknown",
            504,
        )


class HttpTransport(_Http):
    """Sends calls and waits."""

    def __init__(self, base_url: str, timeout: float, headers: Mapping[str, str]) -> None:
        super().__init__(base_url, timeout, headers)
        self._client: httpx.Client | None = None
        self._closed = False
        self._opening = threading.RLock()
        begins_anew(self)

    def leave_behind(self) -> object:
        """See `human_memory.forks`."""
        left, self._client, self._opening = self._client, None, threading.RLock()
        return left

    def send(self, call: Call[T]) -> T:
        """The call's result.

        Raises:
            HumanMemoryError: it failed.
        """
        with _sendable(call):
            request = self._request(call)
        self._opened()  # reads certificates, which is no wait for the server
        deadline = Deadline.after(self._timeout)
        for pause in (*PAUSES_SECONDS, None):
            failure: httpx.Response | httpx.HTTPError
            client = self._opened()
            try:
                with _sendable(call), within(deadline), _open(lambda: self._closed):
                    failure = client.request(**request, timeout=deadline.remaining_seconds())
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
        """Close the connections; a second call does nothing."""
        with self._opening:
            self._closed = True
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def _opened(self) -> httpx.Client:
        with self._opening:
            if self._closed:
                raise closed()
            if self._client is None:
                self._client = limited(_made(httpx.Client, self._arguments()))
            return self._client


class AsyncHttpTransport(_Http):
    """The same for asyncio."""

    def __init__(self, base_url: str, timeout: float, headers: Mapping[str, str]) -> None:
        super().__init__(base_url, timeout, headers)
        self._clients = PerLoop(
            partial(_made, httpx.AsyncClient, self._arguments()),
            httpx.AsyncClient.aclose,
            close_seconds=timeout,
        )

    async def send(self, call: Call[T]) -> T:
        """As `HttpTransport.send`."""
        with _sendable(call):
            request = self._request(call)
        await self._clients.get()  # as above
        deadline = Deadline.after(self._timeout)
        try:
            async with asyncio.timeout(self._timeout + GRACE_SECONDS):
                return await self._sent(call, request, deadline)
        except TimeoutError:
            raise self._late(call) from None

    async def _sent(self, call: Call[T], request: Mapping[str, Any], deadline: Deadline) -> T:
        for pause in (*PAUSES_SECONDS, None):
            failure: httpx.Response | httpx.HTTPError
            client = await self._clients.get()
            try:
                with _sendable(call), _open(lambda: self._clients.closed):
                    failure = await client.request(**request, timeout=deadline.remaining_seconds())
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
        """Close the connections; a second call does nothing."""
        await self._clients.close()


def _made(kind: Callable[..., C], arguments: Mapping[str, Any]) -> C:
    try:
        return kind(**arguments)
    except (OSError, ValueError, ImportError) as error:
        raise HumanMemoryError(
            f"the proxies or certificates that the environment names can't be used: {error}"
        ) from error


@contextmanager
def _open(is_closed: Callable[[], bool]) -> Iterator[None]:
    """A client that is closed by another thread or task in the middle of a call."""
    try:
        yield
    except RuntimeError as error:
        if is_closed():
            raise closed() from error
        raise


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
        return min(float(asked) if asked.isdecimal() else 0.0, RETRY_AFTER_SECONDS_MAX)
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
