"""From an address to a transport, with no library but its own; an address as it may be shown."""

from numbers import Real
from typing import TYPE_CHECKING, Protocol, TypeVar

from human_memory._client.calls import Call, check_header
from human_memory.exceptions import HumanMemoryError, ValidationError
from human_memory.extras import needs
from human_memory.routes import NAMESPACE_DEFAULT, NAMESPACE_HEADER, TIMEOUT_MS_MAX

if TYPE_CHECKING:
    from collections.abc import Awaitable

T = TypeVar("T")
_KAFKA = "kafka://"


class Transport(Protocol):
    """Sends calls and waits for their answers."""

    def send(self, call: Call[T]) -> T:
        """The call's result; raises HumanMemoryError."""
        ...

    def close(self) -> None:
        """Let go of the connections."""
        ...


class AsyncTransport(Protocol):
    """The same for asyncio."""

    def send(self, call: Call[T]) -> "Awaitable[T]":
        """The call's result; raises HumanMemoryError."""
        ...

    def close(self) -> "Awaitable[None]":
        """Let go of the connections."""
        ...


def connect(
    address: str, timeout: float, *, namespace: str | None, api_key: str | None
) -> Transport:
    """A transport to the memory at `address`; nothing is sent yet.

    Raises:
        HumanMemoryError: it is no address of a memory, `timeout` is no time, or the packages are
            missing that an address kafka:// needs.
    """
    timeout = _seconds(timeout)
    if address.startswith(_KAFKA):
        with needs("kafka"):
            from human_memory._client.kafka import KafkaTransport

        return KafkaTransport(_broker(address), timeout, namespace or NAMESPACE_DEFAULT)
    from human_memory._client.http import HttpTransport

    return HttpTransport(_http(address), timeout, _headers(namespace, api_key))


def connect_async(
    address: str, timeout: float, *, namespace: str | None, api_key: str | None
) -> AsyncTransport:
    """As `connect`, for asyncio."""
    timeout = _seconds(timeout)
    if address.startswith(_KAFKA):
        with needs("kafka"):
            from human_memory._client.kafka import AsyncKafkaTransport

        return AsyncKafkaTransport(_broker(address), timeout, namespace or NAMESPACE_DEFAULT)
    from human_memory._client.http import AsyncHttpTransport

    return AsyncHttpTransport(_http(address), timeout, _headers(namespace, api_key))


def _seconds(timeout: float | None) -> float:
    """A `timeout` as both transports take it: no limit is the longest that a service works."""
    longest = TIMEOUT_MS_MAX / 1000
    if timeout is None:
        return longest
    if isinstance(timeout, bool) or not isinstance(timeout, Real) or not timeout > 0:
        raise ValidationError(
            f"timeout: must be a number of seconds above 0, or None for the longest there is "
            f"({longest:g} s), not {timeout!r}"
        )
    return float(min(timeout, longest))


def _broker(address: str) -> str:
    broker = address.removeprefix(_KAFKA).rstrip("/")
    if not broker or "/" in broker:
        raise HumanMemoryError(
            f"{without_password(address)!r} is no address of Kafka; give kafka://host:port"
        )
    return broker


def _http(address: str) -> str:
    if not address.startswith(("http://", "https://")):
        raise HumanMemoryError(
            f"{without_password(address)!r} is no address of a memory; give http://host:port, "
            "https://host:port, or kafka://host:port"
        )
    return address


def _headers(namespace: str | None, api_key: str | None) -> dict[str, str]:
    check_header("namespace", namespace)
    check_header("api_key", api_key)
    headers = {}
    if namespace is not None:
        headers[NAMESPACE_HEADER] = namespace
    if api_key is not None:
        headers["Authorization"] = f"Bearer {api_key}"
    return headers


def without_password(url: str) -> str:
    """A URL as it may be shown: without who asks, and without their key.

    >>> without_password("redis://:secret@host:6379/0")
    'redis://host:6379/0'
    >>> without_password("any:secret@host:8000")
    'host:8000'
    """
    scheme, mark, _ = url.partition("://")
    start = scheme + mark if mark else ""
    return start + url.removeprefix(start).rpartition("@")[2]
