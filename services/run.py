"""The one start-up: `python -m services.run ingest retrieval`, several in one process or one.

Services of one process share the model, and the fold lets queries pass. Containers run one each,
`human-memory up` the gateway alone and all others together.
"""

import asyncio
import contextlib
import gc
import os
import signal
import socket
import sys
import time
from collections.abc import Coroutine, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from importlib import import_module
from typing import Annotated, Any, NoReturn

from human_memory.extras import NotInstalled, needs, program_needs

with program_needs("services", "gateway" if sys.argv[1:2] == ["gateway"] else "services"):
    import structlog
    import typer
    import uvicorn
    from aiokafka.errors import KafkaError
    from pydantic import ValidationError

    from human_memory.bus.errors import unavailable
    from human_memory.bus.services import SERVICES
    from human_memory.bus.settings import settings_refused
    from human_memory.bus.topics import require_topics
    from schemas.errors import MemoryServiceError, Unavailable
    from services.common.background import first_of
    from services.common.logs import configure_logs
    from services.common.settings import EmbedderSettings, ServiceSettings
    from services.common.variables import misspelt

    log = structlog.get_logger("services.run")

# They embed no texts, so they need not wait for the model, nor hold it.
WITHOUT_MODEL = {"gateway", "projection"}
# Each slice of texts ends in Python: with Python's 5 ms the model's thread waits that long for its
# turn while the event loop is busy, and a lone search took a tenth longer.
SWITCH_SECONDS = 0.0005
# Longer than the longest batch takes; then what still runs is cut off, as kill -9 would do.
STOP_SECONDS_MAX = 15.0
# Of these, so long for the HTTP requests in hand; new connections are refused at once.
DRAIN_SECONDS_MAX = 10
POLL_SECONDS = 0.25
PORT_MAX = 65_535
# Longer than clients and proxies keep an idle connection (httpx 5 s, most proxies 60 s): whoever
# sends on one that we close in that moment can't know whether the request was carried out.
KEEP_ALIVE_SECONDS = 75
# A batch makes some thousand objects, which reference counts free when it is done. With Python's
# 700 the collector looked at all of them several times meanwhile: a tenth of the services' time.
UNCOLLECTED_OBJECTS = 50_000


@dataclass(frozen=True)
class _Service:
    name: str
    app: Any  # FastStream's or FastAPI's, which have only ASGI in common
    listener: socket.socket


class _Server(uvicorn.Server):
    """Stops with the event, and leaves signals alone: they concern all servers of the process."""

    def __init__(self, config: uvicorn.Config, stop: asyncio.Event, app: Any) -> None:
        super().__init__(config)
        self._stop = stop
        self._state = getattr(app, "state", None)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """See above."""
        yield

    async def on_tick(self, counter: int) -> bool:
        """True when it is time to stop; asked ten times a second."""
        return self._stop.is_set() or await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answers that would go on for ever are ended first; others are waited for."""
        if (close_streams := getattr(self._state, "close_streams", None)) is not None:
            await close_streams()
        await super().shutdown(sockets)


def run(
    names: Annotated[list[str], typer.Argument(metavar="SERVICE...", help=", ".join(SERVICES))],
    port: Annotated[
        list[str], typer.Option("--port", metavar="SERVICE=PORT", help="Instead of its default.")
    ] = [],  # noqa: B006 (typer's way to say "may be given more than once")
    patience: Annotated[
        float, typer.Option(help="Seconds to wait for Kafka and its topics at the start.")
    ] = 0.0,
) -> None:
    """Run services in one process; SIGTERM or Ctrl-C stops them."""
    try:
        settings = EmbedderSettings() if set(names) - WITHOUT_MODEL else ServiceSettings()
        configure_logs(settings)
        for sentence in misspelt(os.environ):
            log.warning(sentence)
        services = _load(names, _ports(names, port, settings), settings)
        gc.collect()
        gc.freeze()  # what is imported stays
        gc.set_threshold(UNCOLLECTED_OBJECTS)
        _event_loop(_until_stopped(services, settings, patience))
        code = 0
    except (MemoryServiceError, NotInstalled, ValidationError, KafkaError, OSError) as error:
        print(f"services: {_one_line(error)}", file=sys.stderr)
        code = 1
    _end(code)


def _end(code: int) -> NoReturn:
    """At once: a thread may be loading the model, which takes seconds and can't be told to stop."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _event_loop(work: Coroutine[Any, Any, None]) -> None:
    factory = None
    with contextlib.suppress(ImportError):  # there is none for Windows
        import uvloop

        factory = uvloop.new_event_loop
    sys.setswitchinterval(SWITCH_SECONDS)
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(work)


def _ports(names: list[str], given: list[str], settings: ServiceSettings) -> dict[str, int]:
    if unknown := sorted(set(names) - set(SERVICES)):
        raise typer.BadParameter(f"no such service: {', '.join(unknown)}")
    ports = {}
    for item in given:
        name, _, number = item.partition("=")
        is_port = number.isdecimal() and len(number) <= len(str(PORT_MAX))
        if name not in names or not is_port or int(number) > PORT_MAX:
            raise typer.BadParameter(f"--port {item}: give SERVICE=PORT, such as {names[0]}=8001")
        ports[name] = int(number)
    if settings.http_port:
        if len(names) > 1:
            raise typer.BadParameter(
                "HUMAN_MEMORY_HTTP_PORT is one port for several services; use --port SERVICE=PORT"
            )
        ports.setdefault(names[0], settings.http_port)
    return ports


def _load(names: list[str], ports: dict[str, int], settings: ServiceSettings) -> list[_Service]:
    services = []
    for name in dict.fromkeys(names):
        with needs("gateway" if name == "gateway" else "services"):
            module = import_module(f"services.{name}.app")
        listener = _bound(name, settings.http_host, ports.get(name, SERVICES[name]))
        services.append(_Service(name, module.app, listener))
    return services


def _bound(name: str, host: str, port: int) -> socket.socket:
    """A socket that is bound, but not listening yet: nobody connects before it can answer."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise Unavailable(
            f"{name} can't serve HTTP at {host}:{port}: {error.strerror}; stop what listens there, "
            f"or choose another port with --port {name}=PORT"
        ) from error
    return listener


async def _until_stopped(
    services: list[_Service], settings: ServiceSettings, patience: float
) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    work = asyncio.create_task(_serve_all(services, settings, patience, stop))
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait({work, stopped}, return_when=asyncio.FIRST_COMPLETED)
    if stop.is_set():
        await asyncio.wait({work}, timeout=STOP_SECONDS_MAX)
    if not work.done():
        print(f"services: cut off after {STOP_SECONDS_MAX:g} s of stopping", file=sys.stderr)
        _end(1)
    stopped.cancel()
    await work


async def _serve_all(
    services: list[_Service], settings: ServiceSettings, patience: float, stop: asyncio.Event
) -> None:
    try:
        async with asyncio.TaskGroup() as group:
            # The services load the same one; what is loaded while Kafka starts costs no time.
            if isinstance(settings, EmbedderSettings):
                # Here, as the packages that it takes are not among the gateway's.
                from services.common.embedding.embedder import embedder_of

                group.create_task(embedder_of(settings).load())
            if await _topics_ready(settings, patience, stop):
                for service in services:
                    group.create_task(_serve(service, stop))
    except BaseExceptionGroup as errors:
        raise first_of(errors) from None


async def _topics_ready(settings: ServiceSettings, patience: float, stop: asyncio.Event) -> bool:
    """False if stopped meanwhile; raises Unavailable when the patience is over."""
    until = time.monotonic() + patience
    while not stop.is_set():
        try:
            await require_topics(settings)
        except Unavailable:
            if time.monotonic() >= until:
                raise
            await asyncio.sleep(POLL_SECONDS)
        else:
            return True
    return False


async def _serve(service: _Service, stop: asyncio.Event) -> None:
    config = uvicorn.Config(
        service.app,
        lifespan="off",  # begun and ended here, where its errors are plain exceptions
        log_config=None,
        log_level="warning",
        access_log=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=DRAIN_SECONDS_MAX,
    )
    try:
        async with _lifespan(service.app):
            await _Server(config, stop, service.app).serve(sockets=[service.listener])
    finally:
        stop.set()  # without one of them all end, and in time


def _lifespan(app: Any) -> AbstractAsyncContextManager[Any]:
    begun: AbstractAsyncContextManager[Any] = (
        app.start_lifespan_context()
        if hasattr(app, "start_lifespan_context")
        else app.router.lifespan_context(app)
    )
    return begun


def _one_line(error: Exception) -> str:
    if isinstance(error, KafkaError):
        error = unavailable(ServiceSettings(), "starting", error)
    if isinstance(error, ValidationError):
        return settings_refused(error)
    return " ".join(str(error).split())


if __name__ == "__main__":
    typer.run(run)
