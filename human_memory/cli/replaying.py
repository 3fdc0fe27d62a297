"""`replay` and `digest`: the read side, rebuilt from the log and compared."""

from dataclasses import asdict, dataclass
from importlib import import_module
from typing import Annotated, Any

import typer
from rich.progress import Progress

from human_memory.bus.bus import Bus
from human_memory.cli.command import command
from human_memory.cli.options import JsonOption, ServerOptions
from human_memory.cli.output import out, print_json, progress_bar, table
from human_memory.extras import needs
from human_memory.routes import NAMESPACE_DEFAULT
from schemas.errors import InvariantBroken
from schemas.queries import RebuildQuery

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
        bool, typer.Option("--state", help="Show the progress of a replay that is running.")
    ] = False
    force: Annotated[
        bool, typer.Option("--force", help="Switch to the rebuilt one even where it differs.")
    ] = False


@command(app)
async def replay(options: ReplayOptions) -> None:
    """Rebuild the read side from the log, compare, and switch to the rebuilt one.

    It is built beside the live one, which answers meanwhile. The digests of both are compared at
    the same place of the log; where they differ nothing is switched and the exit status is 1. What
    another version of human-memory has built is not compared: it is replaced.

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
        report = await projection_app().rebuild(
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
    """Print the digest of the live read side at the end of the log: equal states, equal digests.

    Example: `human-memory digest`
    """
    settings = options.projection_settings()
    value = await projection_app().live_digest(settings)
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
    bar = progress.add_task("folding the log again", total=None)
    report = await projection_app().rebuild_from_empty(
        settings, progress=lambda done, total: progress.update(bar, completed=done, total=total)
    )
    return asdict(report)


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


def projection_app() -> Any:
    """`services.projection.app`."""
    # By name: the command line needs none of the services' packages for anything else.
    with needs("services"):
        return import_module("services.projection.app")


def _print_report(report: Any) -> None:
    rows = table("partition", "offset", "live", "rebuilt", "", right=("partition", "offset"))
    for result in report.partitions:
        rows.add_row(
            str(result.partition),
            str(result.offset),
            (result.digest_live or "")[:16],
            (result.digest_rebuilt or "")[:16],
            _verdict(result),
        )
    console = out()
    console.print(rows)
    rate = report.events / report.seconds if report.seconds else 0.0
    console.print(
        f"{report.events} events in {report.seconds:.1f} s ({rate:.0f}/s); "
        f"build {report.version} is live, build {report.version_before} dropped"
    )
    if report.indigestible:
        console.print(
            f"{report.indigestible} events were passed, as the fold fails on them: they are in "
            "dead letters, and their places in the log of this command"
        )
    if report.digest is not None:
        console.print(f"digest {report.digest}")


def _verdict(result: Any) -> str:
    if result.digest_live is None:
        return "of another version"
    return "same" if result.identical else "different"
