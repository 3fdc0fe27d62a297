"""Wiring of the projection: `python -m services.run projection`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from faststream import AckPolicy
from faststream.asgi import AsgiFastStream

from schemas.topics import EVENTS
from services.common import foreground
from services.common.health import redis_answers
from services.common.redis import redis_prefix
from services.common.wiring import Service
from services.projection.adapters.redis_projection import RedisProjection
from services.projection.live import LiveProjection
from services.projection.settings import ProjectionSettings
from services.projection.upgrading import Upgrade


def build(settings: ProjectionSettings) -> AsgiFastStream:
    """The service, not connected yet."""
    service = Service("projection", settings)
    store = RedisProjection(
        service.redis,
        redis_prefix(settings.topic_prefix),
        dimension=settings.embedding_dimension,
    )
    projection = LiveProjection(store, service.dead_letters, let_pass=foreground.QUERIES.idle)
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
    upgrade = Upgrade(settings, service.redis, store, let_pass=foreground.QUERIES.idle)

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


app = build(ProjectionSettings())
