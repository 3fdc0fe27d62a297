"""Calls over HTTP, with connections that are kept, and repeated only where that is safe."""

import asyncio
import ssl
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache, partial
from typing import Any, TypeVar

import httpx
from pydantic import TypeAdapter
from pydantic_core import PydanticSerializationError, to_json

from human_memory._client.calls import Call
from human_memory._client.connecting import without_password
from human_memory._client.failures import NOT_REPEATED, STATUSES_AGAIN, error_of
from human_memory._client.limits import limited, within
from human_memory._client.loops import PerLoop, closed
from human_memory._client.repeating import Repeating
from human_memory._client.warned import passed_on
from human_memory.deadline import Deadline
from human_memory.exceptions import (
    HumanMemoryError,
    ServiceUnavailable,
    ValidationError,
)
from human_memory.forks import begins_anew, calls_here, unforked
from human_memory.routes import (
    CALL_HEADER,
    IDEMPOTENCY_HEADER,
    NAMESPACE_HEADER,
    TIMEOUT_HEADER,
    TIMEOUT_MS_MAX,
    WARNINGS_HEADER,
)

T = TypeVar("T")
C = TypeVar("C", httpx.Client, httpx.AsyncClient)
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
            **headers,
        }

    def _arguments(self) -> dict[str, Any]:
        arguments = {"base_url": self._base_url, "timeout": self._timeout, "headers": self._headers}
        if httpx.URL(self._base_url).scheme == "http":
            # No redirect is followed, so TLS is never spoken, and OpenSSL, whose locks may stop a
            # forked child for ever, is left alone. Files of certificates are not read, either.
            arguments["verify"] = None
        return arguments

    def _request(self, call: Call[Any]) -> dict[str, Any]:
        headers = {}
        if call.namespace is not None:
            headers[NAMESPACE_HEADER] = call.namespace
        if call.idempotency_key is not None:
            headers[IDEMPOTENCY_HEADER] = call.idempotency_key
        if call.id is not None:
            headers[CALL_HEADER] = call.id
        return {
            "method": call.route.method,
            "url": call.url,
            "params": call.query or None,
            "content": None if call.body is None else _encoded(call.body),
            "headers": headers,
        }

    def _answer(self, call: Call[T], response: httpx.Response) -> T:
        if response.status_code >= 400:
            raise error_of(call, self._shown, status=response.status_code, body=response.text)
        told = response.headers.get(WARNINGS_HEADER)
        if told and not passed_on(told):
            warnings.warn(f"{call.route.name}: {told}", stacklevel=6)
        try:
            return call.result(_reader(call.response).validate_json(response.content))
        except ValueError as error:
            raise HumanMemoryError(
                f"{self._shown} answered {call.route.method} {call.resource} as no memory "
                f"server does ({str(error).partition(chr(10))[0]}); is it the right address?",
                response.status_code,
            ) from error

    def _pause(
        self, call: Call[Any], failure: httpx.Response | httpx.HTTPError, tries: Repeating
    ) -> float | None:
        """Seconds until it may be sent again, or None: that could do it twice, or is too late."""
        asked = _asked_pause(call, failure)
        if asked is None:
            return None
        why = "does not answer"
        if isinstance(failure, httpx.Response):
            why = f"answered {failure.status_code}"
        return tries.pause(f"the memory at {self._shown} {why}", at_least=asked)

    def _failed(self, call: Call[Any], failure: httpx.HTTPError, before: str) -> HumanMemoryError:
        if isinstance(failure, httpx.PoolTimeout):
            return ServiceUnavailable(
                f"all connections of this client to {self._shown} were in use for "
                f"{self._timeout:g} s; nothing was sent"
            )
        if isinstance(failure, httpx.LocalProtocolError):
            return HumanMemoryError(f"{call.route.method} {call.resource} can't be sent over HTTP")
        if isinstance(failure, httpx.TimeoutException) and not isinstance(failure, _NEVER_SENT):
            return self._late(call, before)
        why = str(failure) or type(failure).__name__
        if call.repeated == "unsent" and not isinstance(failure, _NEVER_SENT):
            return ServiceUnavailable(
                f"{self._shown} broke off before {call.route.method} {call.resource} was answered "
                f"({why}); {NOT_REPEATED}"
            )
        return ServiceUnavailable(
            f"no memory server answers at {self._shown} ({why}); "
            "is it running (human-memory up), and is that its address?"
        )

    def _late(self, call: Call[Any], before: str = "") -> HumanMemoryError:
        tried = f" (at the last try but one, {before})" if before else ""
        return HumanMemoryError(
            f"{self._shown} did not answer {call.route.method} {call.resource} within "
            f"{self._timeout:g} s{tried}; the outcome is unknown",
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
        calls_here()
        with _sendable(call):
            request = self._request(call)
        self._opened()  # reads certificates, which is no wait for the server
        deadline = Deadline.after(self._timeout)
        tries = Repeating(deadline)
        while True:
            failure: httpx.Response | httpx.HTTPError
            client = self._opened()
            try:
                with _sendable(call), within(deadline), _open(lambda: self._closed):
                    failure = client.request(**_timed(request, deadline))
                if failure.status_code < 400:
                    return self._answer(call, failure)
            except httpx.HTTPError as error:
                failure = error
            wait = self._pause(call, failure, tries)
            if wait is None:
                break
            time.sleep(wait)
        if isinstance(failure, httpx.Response):
            return self._answer(call, failure)
        raise self._failed(call, failure, tries.why) from failure

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
        calls_here()
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
        tries = Repeating(deadline)
        while True:
            failure: httpx.Response | httpx.HTTPError
            client = await self._clients.get()
            try:
                with _sendable(call), _open(lambda: self._clients.closed):
                    failure = await client.request(**_timed(request, deadline))
                if failure.status_code < 400:
                    return self._answer(call, failure)
            except httpx.HTTPError as error:
                failure = error
            wait = self._pause(call, failure, tries)
            if wait is None:
                break
            await asyncio.sleep(wait)
        if isinstance(failure, httpx.Response):
            return self._answer(call, failure)
        raise self._failed(call, failure, tries.why) from failure

    async def close(self) -> None:
        """Close the connections; a second call does nothing."""
        await self._clients.close()


def _made(kind: Callable[..., C], arguments: Mapping[str, Any]) -> C:
    try:
        with unforked():
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


def _timed(request: Mapping[str, Any], deadline: Deadline) -> dict[str, Any]:
    """A request that ends with its call, here and at the server."""
    left = deadline.remaining_seconds()
    asked = {TIMEOUT_HEADER: str(min(max(1, round(left * 1000)), TIMEOUT_MS_MAX))}
    return {**request, "headers": {**request["headers"], **asked}, "timeout": left}


def _asked_pause(call: Call[Any], failure: httpx.Response | httpx.HTTPError) -> float | None:
    """The least time to wait before it is sent again; None if it must not be."""
    if call.repeated == "never" or _is_untrusted(failure):
        return None
    if not isinstance(failure, httpx.Response) and isinstance(failure, _NEVER_SENT):
        return 0.0
    if call.repeated != "safely":
        return None
    if isinstance(failure, httpx.Response):
        asked = failure.headers.get("Retry-After", "0")
        seconds = min(float(asked) if asked.isdecimal() else 0.0, RETRY_AFTER_SECONDS_MAX)
        return seconds if failure.status_code in STATUSES_AGAIN else None
    return 0.0 if isinstance(failure, httpx.NetworkError | httpx.RemoteProtocolError) else None


def _is_untrusted(failure: object) -> bool:
    """True where a certificate was refused, which no wait mends."""
    while isinstance(failure, BaseException):
        if isinstance(failure, ssl.SSLCertVerificationError):
            return True
        failure = failure.__cause__ or failure.__context__
    return False


@cache
def _reader(response: Any) -> TypeAdapter[Any]:
    return TypeAdapter(response)


def _encoded(body: Mapping[str, Any]) -> bytes:
    try:
        return to_json(body, inf_nan_mode="constants")
    except PydanticSerializationError as error:
        raise TypeError(f"can't be sent as JSON: {error}") from error
