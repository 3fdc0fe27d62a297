"""`python -m stack COMMAND`: the local stack alone, without our services."""

import signal
import threading
from pathlib import Path
from typing import Annotated

from human_memory.extras import program_needs

with program_needs("stack", "stack"):
    import typer
    from rich.console import Console

    from stack.errors import StackError, UnsupportedPlatform
    from stack.jars import LOCK_FILE, resolve_lock
    from stack.local import LocalStack

CHECK_INTERVAL_S = 1.0
DEFAULT_DATA = Path(".human-memory")

app = typer.Typer(add_completion=False, help=__doc__)
Data = Annotated[Path, typer.Option("--data", help="The folder with data, logs and ports.")]


@app.command()
def up(data: Data = DEFAULT_DATA) -> None:
    """Start Kafka and Redis, restart what dies, stop both at Ctrl-C or SIGTERM."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    stack = LocalStack(data)
    console = Console()
    with console.status("starting Kafka and Redis") as progress:
        stack.prepare(progress.update)
        stack.start()
    console.print(f"kafka {stack.kafka}\nredis {stack.redis}", highlight=False)
    while not stop.wait(CHECK_INTERVAL_S):
        for name in stack.restart_dead():
            console.print(f"{name} had died and was restarted")
    stack.stop()


@app.command()
def down(data: Data = DEFAULT_DATA) -> None:
    """Stop both, also where another process started them."""
    LocalStack(data).stop()


@app.command()
def status(data: Data = DEFAULT_DATA) -> None:
    """Say what runs; exit status 1 unless both answer."""
    now = LocalStack(data).status()
    for part in (now.kafka, now.redis):
        state = "healthy" if part.healthy else "not answering" if part.running else "stopped"
        print(f"{part.name} {part.version} port {part.port} pid {part.pid} {state}")
    raise typer.Exit(0 if now.healthy else 1)


@app.command()
def prepare(data: Data = DEFAULT_DATA) -> None:
    """Fetch what the first start needs. Where the stack can't run, say so and change nothing."""
    console = Console(stderr=True)
    try:
        with console.status("Kafka: looking for its files") as progress:
            LocalStack(data).prepare(progress.update)
    except UnsupportedPlatform as error:
        console.print(f"note: {error}", highlight=False)


@app.command()
def lock() -> None:
    """Resolve Kafka's jars afresh and write kafka.lock."""
    LOCK_FILE.write_text(resolve_lock(print), encoding="utf-8")


if __name__ == "__main__":
    try:
        app()
    except StackError as error:
        raise SystemExit(f"stack: {error}") from error
