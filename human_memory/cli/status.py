"""`status`: what runs, how far behind it is, in which version, where."""

import asyncio
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import typer

from human_memory._client.connecting import without_password
from human_memory.bus.groups import members_of
from human_memory.bus.reader import group_progress
from human_memory.bus.services import SERVICES, group_of
from human_memory.bus.settings import KafkaSettings
from human_memory.bus.topics import check_topics
from human_memory.cli.command import command
from human_memory.cli.options import JsonOption, ServerOptions
from human_memory.cli.output import out, print_json, table
from human_memory.local.children import SILENT, probe
from human_memory.local.instance import Instance
from schemas.errors import MemoryServiceError
from schemas.topics import EVENTS, INBOX, MAINTENANCE, Topic
from stack.local import LocalStack
from stack.processes import ProcessId, listens

# Services that commit how far they are, and what they read. Retrieval takes a query as read before
# it is answered.
_READS: dict[str, Topic] = {"ingest": INBOX, "projection": EVENTS, "maintenance": MAINTENANCE}
REDIS_SECONDS_MAX = 3.0

app = typer.Typer()


@dataclass(frozen=True)
class Component:
    """One row. `lag`: records it has still to work through."""

    name: str
    ok: bool
    state: str
    lag: int | None
    version: str | None
    address: str


@dataclass(frozen=True, kw_only=True)
class StatusOptions(ServerOptions, JsonOption):
    """Options of `status`."""


@command(app)
async def status(options: StatusOptions) -> None:
    """Show each component: its state, how many records it is behind, its version and address.

    These are the components that `up` runs in the data folder, or those of the servers that are
    named. The exit status is 1 unless all of them are well.

    Example: `human-memory status --json`
    """
    settings, instance = options.settings(), options.instance()
    if instance is None and not options.names_servers():
        # What answers at the default addresses would be another installation's.
        _say_nothing_runs(options)
        raise typer.Exit(1)
    redis = options.redis_url()
    stack = LocalStack(options.folder) if instance and instance.local_stack else None
    kafka, in_redis, lags, services = await asyncio.gather(
        _kafka(settings, stack),
        asyncio.to_thread(_redis, redis),
        _lags(settings),
        _ours(instance) if instance else _somewhere(settings),
    )
    components = [replace(each, lag=lags.get(each.name)) for each in (kafka, in_redis, *services)]
    well = all(component.ok for component in components)
    if options.as_json:
        print_json({"ok": well, "components": [asdict(component) for component in components]})
    else:
        _print(components, instance, options.folder)
    raise typer.Exit(0 if well else 1)


def _say_nothing_runs(options: StatusOptions) -> None:
    if options.as_json:
        print_json({"ok": False, "components": []})
        return
    out().print(
        f"nothing of {options.folder} runs here; start it with: human-memory up (or name servers "
        "with --kafka and --redis)",
        markup=False,
        soft_wrap=True,
    )


async def _kafka(settings: KafkaSettings, stack: LocalStack | None) -> Component:
    try:
        problems = await check_topics(settings)
        state = "topics missing or wrong: human-memory topics check" if problems else "ready"
    except MemoryServiceError as error:
        state = error.message
    version = stack.status().kafka.version if stack is not None else None
    return Component("kafka", state == "ready", state, None, version, settings.kafka)


def _redis(url: str) -> Component:
    try:
        from redis import Redis
        from redis.exceptions import RedisError
    except ImportError:
        shown = without_password(url)
        return Component("redis", False, "unknown: redis is not installed", None, None, shown)
    try:
        with Redis.from_url(
            url, socket_timeout=REDIS_SECONDS_MAX, socket_connect_timeout=REDIS_SECONDS_MAX
        ) as client:
            version = client.info("server")["redis_version"]
            client.execute_command("FT._LIST")
    except RedisError as error:
        state = f"does not answer, or has no search module: {error}"
        return Component("redis", False, state, None, None, without_password(url))
    return Component("redis", True, "ready", None, version, without_password(url))


async def _ours(instance: Instance) -> list[Component]:
    """The services that `up` runs."""
    probing = (asyncio.to_thread(_service, name, instance) for name in SERVICES)
    return await asyncio.gather(*probing)


def _service(name: str, instance: Instance) -> Component:
    address, pid = instance.http.get(name), instance.pids.get(name)
    port = int(address.rpartition(":")[2]) if address else 0
    if address is None or pid is None or not listens(ProcessId(pid, 0), port):
        # Another program at this address is none of ours, whatever it says.
        return Component(name, False, SILENT, None, None, address or "")
    found = probe(address)
    state = "; ".join(filter(None, ["ready" if found.ready else found.waiting, found.note]))
    return Component(name, found.ready, state, None, found.version, address)


async def _somewhere(settings: KafkaSettings) -> list[Component]:
    """The services of the named servers, wherever they run: Kafka knows who is at work for it.

    Of the gateway it does not know, and what answers at a default address may be another's.
    """
    names = [name for name in SERVICES if name != "gateway"]
    try:
        counts = await members_of(settings, names)
    except MemoryServiceError as error:
        return [Component(name, False, error.message, None, None, "") for name in names]
    return [
        Component(name, count > 0, f"{count or 'nobody'} at work", None, None, "")
        for name, count in zip(names, counts, strict=True)
    ]


async def _lags(settings: KafkaSettings) -> dict[str, int]:
    lags = {}
    for name, topic in _READS.items():
        try:
            done, total = await group_progress(
                settings, group_of(settings, name), settings.topic(topic)
            )
        except MemoryServiceError:
            continue
        lags[name] = total - done
    return lags


def _print(components: list[Component], instance: Instance | None, folder: Path) -> None:
    rows = table("component", "state", "lag", "version", "address", right=("lag",))
    for each in components:
        rows.add_row(
            each.name,
            each.state,
            "" if each.lag is None else str(each.lag),
            each.version or "",
            each.address,
            style="" if each.ok else "red",
        )
    out().print(rows)
    out().print(_supervised(instance, folder), style="dim", markup=False, soft_wrap=True)


def _supervised(instance: Instance | None, folder: Path) -> str:
    if instance is None:
        return "of the servers that are named; a gateway tells its state at /ready"
    return f"run by human-memory up, pid {instance.pid}; logs in {folder / 'logs'}"
