"""Wiring of the gateway: `python -m services.run gateway`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from fastapi import FastAPI, HTTPException, Request
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import HTMLResponse, Response

from human_memory import __version__
from human_memory.bus.bus import Bus
from schemas.errors import MemoryServiceError
from services.common.redis import connect
from services.gateway.access import Access
from services.gateway.documents import described_readiness, document
from services.gateway.endpoints import Endpoints
from services.gateway.event_feed import Followers
from services.gateway.idempotency_cache import KeptReplies
from services.gateway.middleware import Doors
from services.gateway.readiness import Readiness
from services.gateway.responses import RETRY_AFTER, error_response, json_response
from services.gateway.settings import GatewaySettings
from services.gateway.shared_stats import SharedStats
from services.gateway.streams import Streams

SERVICE = "gateway"
# A bus may have so many requests under way; the gateway itself bounds how many it makes.
PENDING_MAX = 1_000_000
GZIP_BYTES_MIN = 1_024
GZIP_LEVEL = 4  # most of what 9 saves, at a third of its time
HOME = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Human Memory</title></head>
<body><h1>Human Memory</h1><div id="app"><p>The API is described at <a href="docs">/docs</a>.</p>
</div></body></html>
"""
log = structlog.get_logger(__name__)


def build(settings: GatewaySettings) -> FastAPI:
    """The service, not connected yet.

    Raises:
        Rejected: the file of API keys is no such file.
    """
    redis = connect(settings.redis)
    kept = KeptReplies(redis, f"hm:{settings.topic_prefix}:")
    endpoints = Endpoints(kept, seconds_max=settings.request_seconds_max)

    streams = Streams(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        client_id = f"human-memory-{SERVICE}"
        async with Bus(settings, client_id=client_id, pending_max=PENDING_MAX) as bus:
            endpoints.bus = streams.bus = bus
            streams.followers = followers = Followers(settings)
            streams.stats = SharedStats(bus, seconds_max=settings.request_seconds_max)
            app.state.readiness = Readiness(settings, redis, bus)
            # Whoever stays would hold up the end: `services.run` calls this when it begins.
            app.state.close_streams = followers.close
            await app.state.readiness.start()
            try:
                yield
            finally:
                await followers.close()
                await app.state.readiness.stop()
                await redis.aclose()

    app = FastAPI(
        title="human-memory",
        version=__version__,
        lifespan=lifespan,
        redirect_slashes=False,
    )
    app.openapi = lambda: document(app)  # type: ignore[method-assign] # FastAPI's own way to do it
    app.include_router(endpoints.router())
    app.include_router(streams.router())
    _add_system_routes(app)
    _add_errors(app)
    _add_middleware(app, settings)
    return app


def _add_system_routes(app: FastAPI) -> None:
    @app.get("/", include_in_schema=False)
    async def home() -> Response:
        return HTMLResponse(HOME)

    @app.get(
        "/health",
        tags=["System"],
        summary="This process runs",
        operation_id="health",
        openapi_extra={"security": []},
    )
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/ready", **described_readiness())
    async def ready() -> Response:
        status, checks = await app.state.readiness.state()
        body = {"status": status, "service": SERVICE, "version": __version__, "checks": checks}
        if status == "unavailable":
            return json_response(body, 503, RETRY_AFTER)
        return json_response(body)

    @app.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


def _add_errors(app: FastAPI) -> None:
    @app.exception_handler(MemoryServiceError)
    async def ours(request: Request, error: MemoryServiceError) -> Response:
        if error.code == "internal":
            log.error("request failed", error=error.message, route=request.url.path)
        return error_response(error)

    @app.exception_handler(StarletteHTTPException)
    async def plain(_: Request, error: HTTPException) -> Response:
        return json_response({"detail": error.detail}, error.status_code, error.headers)


def _add_middleware(app: FastAPI, settings: GatewaySettings) -> None:
    """The last is the outermost."""
    app.add_middleware(GZipMiddleware, minimum_size=GZIP_BYTES_MIN, compresslevel=GZIP_LEVEL)
    app.add_middleware(
        Doors,
        access=Access.of_file(settings.api_keys_file),
        in_flight_max=settings.requests_in_flight_max,
        origins=settings.cors_origins,
    )
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["*"],
        )


app = build(GatewaySettings())
