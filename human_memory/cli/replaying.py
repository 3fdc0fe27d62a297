"""`replay` and `digest`: the read side, rebuilt from the log and compared."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from importlib import import_module
from typing import Annotated, Any

import typer
from rich.progress import Progress

from human_memory.bus.bus import Bus
from human_memory.bus.reader import group_progress
from human_memory.bus.services import group_of
from human_memory.bus.settings import KafkaSettings
from human_memory.cli.command import command
from human_memory.cli.options import JsonOption, ServerOptions
from human_memory.cli.output import out, print_json, progress_bar, table
from human_memory.extras import needs
from human_memory.routes import NAMESPACE_DEFAULT
from schemas.errors import InvariantBroken, Unavailable
from schemas.queries import RebuildQuery
from schemas.topics import EVENTS

POLL_SECONDS = 0.5

app = typer.Typer()


@dataclass(frozen=True, kw_only=True)
class ReadSideOptions(ServerOptions, JsonOption):
    """Options of commands that work on the read side itself."""

    def projection_settings(self) -> Any:
        """The projection's own settings, with the same addresses that a client uses."""
        with needs("services"):
            settings = import_module("services.projection.settings")
        return settings.ProjectionSettings(**self.overrides(), redis=self.redis_url())


@dataclass(frozen=True, kw_only=True)
class ReplayOptions(ReadSideOptions):
    """Options of `replay`."""

    from_empty: Annotated[
        bool,
        typer.Option(
            "--from-empty", help="Delete the read side first; searches wait until it is back."
        ),
    ] = False
    state: Annotated[
        bool, typer.Option("--state", help="Say how far a replay is that runs already.")
    ] = False
    force: Annotated[
        bool, typer.Option("--force", help="Switch to the rebuilt one even where it differs.")
    ] = False


@command(app)
async def replay(options: ReplayOptions) -> None:
    """Rebuild the read side from the log, compare, and switch to the rebuilt one.

    It is built beside the live one, which answers meanwhile. The digests of both are compared at
    the same place of the log; where they differ nothing is switched and the exit status is 1.

    Example: `human-memory replay`
    """
    if options.state:
        await _show_state(options)
        return
    settings = options.projection_settings()
    if options.from_empty:
        await _replay_from_empty(options, settings)
        return
    with progress_bar() as progress:
        bar = progress.add_task("replaying", total=None)
        report = await rebuild_module().rebuild(
            settings,
            progress=lambda done, total: progress.update(bar, completed=done, total=total),
            force=options.force,
        )
    if options.as_json:
        print_json(asdict(report) | {"identical": report.identical, "digest": report.digest})
        return
    _print_report(report)


@command(app)
async def digest(options: ReadSideOptions) -> None:
    """The digest of the live read side at the end of the log: equal states, equal digests.

    Example: `human-memory digest`
    """
    value = await rebuild_module().live_digest(options.projection_settings())
    if options.as_json:
        print_json({"digest": value})
    else:
        print(value)


async def _show_state(options: ReplayOptions) -> None:
    async with Bus(options.settings(), client_id="human-memory-cli") as bus:
        result = await bus.ask(RebuildQuery(namespace=NAMESPACE_DEFAULT))
    if options.as_json:
        print_json(result)
        return
    rows = table("partition", "version", "folded", "next", "folded into it", right=("folded",))
    for each in result["partitions"]:
        beside = [str(each[name] or "") for name in ("next_version", "next_folded")]
        numbers = (str(each[name]) for name in ("partition", "version", "folded"))
        rows.add_row(*numbers, *beside)
    out().print(rows)
    state = "running" if result["running"] else "no replay is running"
    out().print(f"{state}: {result['folded']} of {result['total']} events")


async def lose_and_rebuild(settings: Any, progress: Progress) -> dict[str, Any]:
    """Delete the read side and wait until the live fold has rebuilt it from the log by itself.

    Raises:
        Unavailable: the fold does not move.
    """
    rebuilding = rebuild_module()
    before = await rebuilding.live_digest(settings)
    keys = await rebuilding.drop_read_side(settings)
    began = time.monotonic()
    async with _shown_progress(settings, progress):
        after = await _digest_when_folded(settings)
    return {
        "keys_deleted": keys,
        "seconds": round(time.monotonic() - began, 2),
        "digest_before": before,
        "digest_after": after,
        "identical": before == after,
    }


async def _replay_from_empty(options: ReplayOptions, settings: Any) -> None:
    with progress_bar() as progress:
        result = await lose_and_rebuild(settings, progress)
    if options.as_json:
        print_json(result)
    else:
        out().print(
            f"deleted {result['keys_deleted']} keys; rebuilt from the log in "
            f"{result['seconds']} s\nbefore {result['digest_before']}\n"
            f"after  {result['digest_after']}"
        )
    if not result["identical"]:
        raise InvariantBroken("the rebuilt read side is not what the live one was")


async def _digest_when_folded(settings: Any) -> str:
    folded = -1
    while True:
        try:
            return str(await rebuild_module().live_digest(settings))
        except Unavailable:
            # It gave the fold a minute. A large log takes longer, as long as it moves.
            now, _ = await _folded(settings)
            if now <= folded:
                raise
            folded = now


@asynccontextmanager
async def _shown_progress(settings: KafkaSettings, progress: Progress) -> AsyncIterator[None]:
    bar = progress.add_task("folding the log again", total=None)

    async def show() -> None:
        while True:
            await asyncio.sleep(POLL_SECONDS)
            with suppress(Unavailable):  # it is shown again when Kafka answers again
                done, total = await _folded(settings)
                progress.update(bar, completed=done, total=total)

    showing = asyncio.create_task(show())
    try:
        yield
    finally:
        showing.cancel()
        with suppress(asyncio.CancelledError):
            await showing


async def _folded(settings: KafkaSettings) -> tuple[int, int]:
    group = group_of(settings, "projection")
    return await group_progress(settings, group, settings.topic(EVENTS))


def rebuild_module() -> Any:
    """`services.projection.rebuild`."""
    # By name: the command line needs none of the services' packages for anything else.
    with needs("services"):
        return import_module("services.projection.rebuild")


def _print_report(report: Any) -> None:
    rows = table("partition", "offset", "live", "rebuilt", "", right=("partition", "offset"))
    for result in report.partitions:
        rows.add_row(
            str(result.partition),
            str(result.offset),
            result.digest_live[:16],
            result.digest_rebuilt[:16],
            "same" if result.identical else "different",
        )
    console = out()
    console.print(rows)
    rate = report.events / report.seconds if report.seconds else 0.0
    console.print(
        f"{report.events} events in {report.seconds:.1f} s ({rate:.0f}/s); "
        f"build {report.version} is live, build {report.version_before} dropped\n"
        f"digest {report.digest}"
    )
    if report.indigestible:
        console.print(
            f"{report.indigestible} events were passed, as the fold fails on them: they are in "
            "dead letters, and their places in the log of this command"
        )
