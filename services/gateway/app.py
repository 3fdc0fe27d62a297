"""Wiring of the gateway: `python -m services.run gateway`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import Response

from human_memory import __version__, routes
from human_memory.bus.bus import Bus
from human_memory.models import Readiness
from human_memory.operations.examples import ANSWERS
from human_memory.operations.problems import refused_parameters
from schemas.errors import MemoryServiceError
from services.common.redis import connect, redis_prefix
from services.gateway.access import Access
from services.gateway.console import add_console
from services.gateway.endpoints import add_endpoints
from services.gateway.event_feed import Followers
from services.gateway.idempotency_cache import KeptReplies
from services.gateway.middleware import Doors
from services.gateway.openapi import DESCRIPTION, add_pages, document
from services.gateway.parts import Parts
from services.gateway.readiness import Probes
from services.gateway.responses import RETRY_AFTER, error_response, json_response
from services.gateway.settings import GatewaySettings
from services.gateway.shared_stats import SharedStats
from services.gateway.streams import router as streams

SERVICE = "gateway"
# The bus allows this many requests at once; the gateway itself limits how many it makes.
PENDING_MAX = 1_000_000
GZIP_BYTES_MIN = 1_024
GZIP_LEVEL = 4  # most of what 9 saves, at a third of its time
log = structlog.get_logger(__name__)


class ServiceReadiness(Readiness):
    """The state of each part, and the service that says so."""

    service: str = SERVICE
    version: str = __version__


def build(settings: GatewaySettings) -> FastAPI:
    """The service, not connected yet.

    Raises:
        Rejected: the file of API keys is no such file.
    """
    redis = connect(settings.redis)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        client_id = f"human-memory-{SERVICE}"
        async with Bus(settings, client_id=client_id, pending_max=PENDING_MAX) as bus:
            app.state.parts = parts = Parts(
                settings=settings,
                bus=bus,
                kept=KeptReplies(redis, redis_prefix(settings.topic_prefix)),
                followers=Followers(settings),
                stats=SharedStats(bus, seconds_max=settings.request_seconds_max),
                probes=Probes(settings, redis, bus),
            )
            # An open stream would delay the end: `services.run` calls this when it begins.
            app.state.close_streams = parts.followers.close
            await parts.probes.start()
            try:
                yield
            finally:
                await parts.followers.close()
                await parts.probes.stop()
                await redis.aclose()

    app = FastAPI(
        title="human-memory",
        version=__version__,
        description=DESCRIPTION,
        lifespan=lifespan,
        # The published client would take the redirect of a trailing slash for an answer.
        redirect_slashes=False,
        separate_input_output_schemas=False,
        docs_url=None,  # FastAPI's own need the internet
        redoc_url=None,
    )
    app.openapi = lambda: document(app)  # type: ignore[method-assign] # FastAPI's own way to do it
    add_endpoints(app.router)
    add_pages(app)
    add_console(app, enabled=settings.console_enabled)
    app.include_router(streams)
    _add_system_routes(app)
    _add_errors(app)
    _add_middleware(app, settings)
    return app


def _add_system_routes(app: FastAPI) -> None:
    @app.get(
        "/health",
        tags=["System"],
        summary="This process runs",
        operation_id="health",
        openapi_extra={"security": []},
    )
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.get(
        "/ready",
        tags=["System"],
        operation_id=routes.READY.name,
        openapi_extra={"security": []},
        responses={
            200: {"content": {"application/json": {"example": ANSWERS[routes.READY]}}},
            503: {
                "model": ServiceReadiness,
                "description": "`unavailable`: a part that is needed is down",
                "content": {"application/json": {"example": ANSWERS[routes.READY]}},
            },
        },
    )
    async def ready(response: Response) -> ServiceReadiness:
        """The state of each part, asked of the real ones; `degraded`: only the graph is down."""
        state = await app.state.parts.probes.state()
        if state.status == "unavailable":
            response.status_code = 503
            response.headers.update(RETRY_AFTER)
        return ServiceReadiness(**dict(state))

    @app.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


def _add_errors(app: FastAPI) -> None:
    @app.exception_handler(MemoryServiceError)
    async def ours(request: Request, error: MemoryServiceError) -> Response:
        if error.code == "internal":
            log.error("request failed", error=error.message, route=request.url.path)
        return error_response(error)

    @app.exception_handler(RequestValidationError)
    async def parameters(_: Request, error: RequestValidationError) -> Response:
        return error_response(refused_parameters(error.errors()))

    @app.exception_handler(StarletteHTTPException)
    async def plain(request: Request, error: HTTPException) -> Response:
        detail = error.detail
        if error.detail in ("Not Found", "Method Not Allowed"):  # the framework's own words
            detail = f"no route {request.method} {request.url.path}; those there are: GET /docs"
        return json_response({"detail": detail}, error.status_code, error.headers)


def _add_middleware(app: FastAPI, settings: GatewaySettings) -> None:
    """The last is the outermost."""
    app.add_middleware(GZipMiddleware, minimum_size=GZIP_BYTES_MIN, compresslevel=GZIP_LEVEL)
    app.add_middleware(
        Doors,
        access=Access.of_file(settings.api_keys_file),
        in_flight_max=settings.requests_in_flight_max,
        seconds_max=settings.request_seconds_max,
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
