"""`up` and `down`: the whole system on this machine."""

import os
import signal
import socket
import sys
import threading
import time
from contextlib import nullcontext
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from human_memory._client.connecting import without_password
from human_memory.bus.settings import KafkaSettings
from human_memory.cli.command import command
from human_memory.cli.options import DataOptions, JsonOption, ServerOptions
from human_memory.cli.output import out, print_json
from human_memory.extras import require
from human_memory.local import instance as instances
from human_memory.local.instance import THIS_MACHINE, Instance, same_server
from human_memory.local.supervisor import Plan, Supervisor, require_linux, tail
from stack import state as states
from stack.errors import StackError
from stack.local import LocalStack
from stack.processes import is_alive, kill, wait_until
from stack.state import HOST

POLL_SECONDS = 0.1
CONNECT_SECONDS = 1.0
# The supervisor stops the services and then Kafka, each with a grace of its own.
STOP_SECONDS_MAX = 90.0
STATE_SECONDS_MAX = 30.0
# What the services fail without at once; what they take later they name themselves.
SERVER_MODULES = (
    *("faststream", "fastapi", "uvicorn", "structlog", "redis", "orjson", "prometheus_client"),
    *("numpy", "onnxruntime", "tokenizers", "Stemmer", "jgo"),
)

app = typer.Typer()


@dataclass(frozen=True, kw_only=True)
class UpOptions(ServerOptions, JsonOption):
    """Options of `up`."""

    port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65_535,
            help="The gateway's port.",
            envvar="HUMAN_MEMORY_HTTP_PORT",
            show_default="that of the last start, 8000 at first",
        ),
    ] = None
    processes: Annotated[
        bool, typer.Option("--processes", help="Run each service in a process of its own.")
    ] = False
    detach: Annotated[
        bool, typer.Option("--detach", "-d", help="Run in the background; return when it is ready.")
    ] = False


@command(app)
def up(options: UpOptions) -> None:
    """Start Kafka, Redis, the topics and all services, and keep them running.

    Stays in the foreground until Ctrl-C, or with --detach goes to the background and returns when
    all services are ready. A process that dies is restarted. Where HUMAN_MEMORY_KAFKA and
    HUMAN_MEMORY_REDIS (or --kafka and --redis) name servers, those are used instead of local ones.
    The gateway keeps its port from start to start.

    Example: `human-memory up --detach`
    """
    require_linux()
    require("server", *SERVER_MODULES)
    plan = plan_of(options)
    if options.detach and not _gone_to_background(options, plan):
        return
    with instances.sole_supervisor(plan.data) as sole:
        if sole:
            _supervise(plan)
            return
    found = _running_instance(plan.data)
    _check_port(plan, found)
    _say_running(found, plan.data, as_json=options.as_json)


@command(app)
def down(options: DataOptions) -> None:
    """Stop what `up` started in this data folder. The data stays; no error if nothing runs.

    Example: `human-memory down`
    """
    folder, console = options.folder, out()
    found = instances.running(folder)
    if found is not None:
        with console.status("stopping"):
            _stop(found)
    instances.remove(folder)
    stack = LocalStack(folder) if (folder / "stack.json").exists() else None
    left = stack is not None and (stack.status().kafka.running or stack.status().redis.running)
    if stack is not None and left:
        with console.status("stopping Kafka and Redis"):
            stack.stop()  # its supervisor was killed, or it was started alone
    console.print("stopped" if found or left else f"nothing runs in {folder}")


def plan_of(options: UpOptions) -> Plan:
    """The processes that `up` runs with these options, in this environment.

    Raises:
        BadParameter: of Kafka and Redis only one is named.
    """
    kafka = options.kafka or os.environ.get("HUMAN_MEMORY_KAFKA")
    redis = options.redis or os.environ.get("HUMAN_MEMORY_REDIS")
    ours = states.load(options.folder / "stack.json").ports
    notes = tuple(import_module("services.common.variables").misspelt(os.environ))
    # What `up` has printed may be in the environment; it is no server of somebody else.
    if kafka and _is_local(kafka, ours.get("kafka")):
        kafka = None
    if redis and _is_local(redis, ours.get("redis")):
        redis = None
    if kafka and not redis and not options.kafka and _is_left_over(kafka):
        notes += (
            f"HUMAN_MEMORY_KAFKA={kafka}: nobody listens there; Kafka is started here instead",
        )
        kafka = None
    if (kafka is None) != (redis is None):
        raise typer.BadParameter(
            f"{kafka or redis} is given alone; give the addresses of both Kafka and Redis (--kafka "
            "and --redis, or HUMAN_MEMORY_KAFKA and HUMAN_MEMORY_REDIS), or neither (unset the "
            "variable), to have both started here"
        )
    settings = KafkaSettings(kafka=kafka) if kafka else KafkaSettings()
    return Plan(
        options.folder,
        settings,
        redis=redis,
        separate=options.processes,
        port=options.port or None,
        notes=notes,
    )


def _is_local(address: str, port: int | None) -> bool:
    return port is not None and same_server(address, f"{HOST}:{port}")


def _is_left_over(kafka: str) -> bool:
    """True for an address of this machine at which nobody listens: of an `up` that is gone."""
    host, _, port = kafka.rpartition(":")
    if host not in THIS_MACHINE or not port.isdecimal():
        return False
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_SECONDS).close()
    except (OSError, OverflowError):
        return True
    return False


def _supervise(plan: Plan) -> None:
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    console = out()
    with console.status("starting") as status:

        def say(text: str) -> None:
            console.print(f"{time.strftime('%H:%M:%S')} {text}", markup=False)
            if text.startswith("ready"):
                status.stop()
                _print_addresses(console, instances.running(plan.data), plan.data)

        supervisor = Supervisor(plan, say=say, doing=status.update)
        supervisor.run(stop)
    console.print("stopped")


def _gone_to_background(options: UpOptions, plan: Plan) -> bool:
    """True in a new process, which goes on; in this one False, once that is ready."""
    log = plan.data / "logs" / "supervisor.log"
    _check_port(plan, instances.running(plan.data))
    child = None if instances.running(plan.data) else _forked(log)
    if child == 0:
        return True
    try:
        found = _until_ready(plan.data, child, log, quiet=options.as_json)
    except KeyboardInterrupt:
        typer.echo("goes on starting in the background; stop it with: human-memory down", err=True)
        raise typer.Exit(130) from None
    _say_running(found, plan.data, as_json=options.as_json, already=child is None)
    return False


def _forked(log: Path) -> int:
    """A copy of this process in a session of its own, writing to the log: 0 there, else its pid.

    What is imported need not be imported again, a second of a start. No other thread runs yet.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    pid = os.fork()
    if pid:
        return pid
    os.setsid()
    with Path(os.devnull).open("rb") as nothing, log.open("wb") as file:
        os.dup2(nothing.fileno(), 0)
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    return 0


def _until_ready(data: Path, child: int | None, log: Path, *, quiet: bool) -> Instance:
    with nullcontext() if quiet else Console(stderr=True).status("starting") as status:
        while not (found := instances.running(data)) or not found.ready:
            if child is not None and os.waitpid(child, os.WNOHANG) != (0, 0):
                raise StackError(f"it did not start; the end of its log {log}:\n{tail(log)}")
            if child is None and found is None:
                raise StackError(f"it ended while starting; see its log {log}")
            if status is not None and found is not None:
                status.update(found.phase)
            time.sleep(POLL_SECONDS)
    return found


def _running_instance(data: Path) -> Instance:
    """The instance whose supervisor holds the lock; it may still have to write its file."""
    wait_until(lambda: instances.running(data) is not None, timeout_s=STATE_SECONDS_MAX)
    found = instances.running(data)
    if found is None:
        raise StackError(
            f"another `human-memory up` runs in {data}, but has not said what it started"
        )
    return found


def _check_port(plan: Plan, found: Instance | None) -> None:
    """StackError if it runs already, at another port than the one that is asked for."""
    address = found.http.get("gateway", "") if found is not None else ""
    if plan.port and address and not address.endswith(f":{plan.port}"):
        raise StackError(
            f"it runs already, with the gateway at {address}; for port {plan.port} stop it first: "
            f"{_own_name()} down"
        )


def _stop(found: Instance) -> None:
    os.kill(found.pid, signal.SIGTERM)
    if not wait_until(lambda: not is_alive(found.process), timeout_s=STOP_SECONDS_MAX):
        kill(found.process)


def _say_running(found: Instance, data: Path, *, as_json: bool, already: bool = True) -> None:
    if as_json:
        shown = {"redis": without_password(found.redis), "logs": str(data / "logs")}
        print_json(found.model_dump() | shown)
        return
    console = out()
    console.print(
        ("already running" if already else "ready") + ("" if found.ready else ", starting")
    )
    _print_addresses(console, found, data)


def _print_addresses(console: Console, found: Instance | None, data: Path) -> None:
    if found is None:
        return
    redis = without_password(found.redis)
    for name, address in {"kafka": found.kafka, "redis": redis, **found.http}.items():
        console.print(f"  {name:<11} {address}", markup=False)
    console.print(f"  {'logs':<11} {data / 'logs'}", markup=False, soft_wrap=True)
    console.print(f"  {'stop with':<11} {_own_name()} down", markup=False)
    for note in found.notes:
        console.print(note, markup=False, soft_wrap=True)


def _own_name() -> str:
    """The program's name as it was called: the line can be copied also where PATH lacks it."""
    called = Path(sys.argv[0])
    return str(called) if called.name == "human-memory" else "human-memory"
