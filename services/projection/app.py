"""Wiring of the projection: `python -m services.run projection`."""

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import partial, wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from faststream import AckPolicy
from faststream.asgi import AsgiFastStream

from schemas.errors import Unavailable
from schemas.topics import EVENTS
from services.common import foreground
from services.common.health import redis_answers
from services.common.redis import REDIS_ERRORS, RedisClient, connect, redis_prefix
from services.common.settings import VectorSettings
from services.common.wiring import Service
from services.projection import deletion
from services.projection import rebuild as rebuilding
from services.projection.adapters.redis_projection import RedisProjection
from services.projection.builds import ReadSide
from services.projection.live import LiveProjection
from services.projection.settings import ProjectionSettings
from services.projection.upgrading import Upgrade

P = ParamSpec("P")
T = TypeVar("T")


def build(settings: ProjectionSettings) -> AsgiFastStream:
    """The service, not connected yet."""
    service = Service("projection", settings)
    side = _read_side(settings, service.redis)
    projection = LiveProjection(side.store, service.dead_letters, let_pass=foreground.QUERIES.idle)
    subscriber = service.broker.subscriber(
        settings.topic(EVENTS),
        **service.batches(records_max=settings.fold_batch_max),
        ack_policy=AckPolicy.MANUAL,  # the cursor in Redis counts; committed for lag tools only
        auto_offset_reset="earliest",
        listener=projection.ownership,
    )
    service.reads(
        subscriber,
        projection.handle,
        ownership=projection.ownership,
        excused=lambda: projection.held or bool(projection.stuck),
    )
    upgrade = Upgrade(side, let_pass=foreground.QUERIES.idle)

    @asynccontextmanager
    async def around() -> AsyncIterator[None]:
        await upgrade.require_no_newer()
        yield

    return service.app(
        {"redis": partial(redis_answers, service.redis), "projection": projection.state},
        works=[projection.watch, upgrade.run],
        around=around,
        notes={"upgrade": upgrade.note},
    )


def _read_side(settings: VectorSettings, redis: RedisClient) -> ReadSide:
    prefix = redis_prefix(settings.topic_prefix)
    store = RedisProjection(redis, prefix, dimension=settings.embedding_dimension)
    return ReadSide(settings, redis, store)


def _connected(
    program: Callable[Concatenate[ReadSide, P], Awaitable[T]],
) -> Callable[Concatenate[VectorSettings, P], Coroutine[Any, Any, T]]:
    """A program of the command line on a read side, given the settings that lead there."""

    @wraps(program)
    async def run(settings: VectorSettings, /, *args: P.args, **kwargs: P.kwargs) -> T:
        redis = connect(settings.redis)
        try:
            return await program(_read_side(settings, redis), *args, **kwargs)
        except REDIS_ERRORS as error:
            raise Unavailable(f"Redis does not answer: {error!r}") from error
        finally:
            await redis.aclose()

    return run


rebuild = _connected(rebuilding.rebuild)
live_digest = _connected(rebuilding.live_digest)
drop_read_side = _connected(deletion.drop_read_side)
rebuild_from_empty = _connected(deletion.rebuild_from_empty)

app = build(ProjectionSettings())
