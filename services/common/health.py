"""Liveness, readiness and metrics over HTTP, the same on every service."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

import orjson
import structlog
from faststream.asgi import AsgiResponse, get
from faststream.asgi.types import ASGIApp
from prometheus_client import make_asgi_app

from human_memory import __version__
from services.common.ownership import Ownership
from services.common.redis import RedisClient

log = structlog.get_logger(__name__)
# A check raises or returns what to show; `ok` is the only value that is ready.
Check = Callable[[], Awaitable[str]]
CHECK_SECONDS_MAX = 1.5


class Loads(Protocol):
    """A model that loads while the service runs already."""

    @property
    def loaded(self) -> bool: ...


async def kafka_answers(subscriber: Any) -> str:
    """`ok` if Kafka answers the consumer of a FastStream subscriber, which has one once it runs."""
    if subscriber.consumer is None:
        return "not connected"
    await subscriber.consumer.topics()
    return "ok"


async def redis_answers(redis: RedisClient) -> str:
    """`ok` if Redis answers."""
    return "ok" if await redis.ping() else "error"


async def owns_partitions(ownership: Ownership) -> str:
    """`ok` if the consumer group has given this member something to do."""
    return "ok" if ownership.partitions else "no partitions yet"


async def model_loaded(model: Loads) -> str:
    """`ok` if the model is there."""
    return "ok" if model.loaded else "loading"


def routes(service: str, checks: Mapping[str, Check]) -> list[tuple[str, ASGIApp]]:
    """/health: the process lives. /ready: all its parts answer (200 or 503). /metrics."""

    @get(description="Liveness: this process runs.")
    async def health(_: Any) -> AsgiResponse:
        return _json({"status": "ok", "service": service, "version": __version__}, 200)

    @get(description="Readiness: everything this service needs answers.")
    async def ready(_: Any) -> AsgiResponse:
        names = list(checks)
        values = await asyncio.gather(*(_outcome(name, checks[name]) for name in names))
        well = all(value == "ok" for value in values)
        body = {
            "status": "ready" if well else "unavailable",
            "service": service,
            "version": __version__,
            "checks": dict(zip(names, values, strict=True)),
        }
        return _json(body, 200 if well else 503)

    return [("/health", health), ("/ready", ready), ("/metrics", make_asgi_app())]


async def _outcome(name: str, check: Check) -> str:
    try:
        async with asyncio.timeout(CHECK_SECONDS_MAX):
            return await check()
    except TimeoutError:
        return "timeout"
    except Exception as error:  # noqa: BLE001 # whatever is wrong with a part, it is not ready
        log.warning("readiness check failed", check=name, error=repr(error))
        return "error"


def _json(body: dict[str, Any], status: int) -> AsgiResponse:
    return AsgiResponse(
        orjson.dumps(body), status_code=status, headers={"content-type": "application/json"}
    )
