"""`store`, `access`, `forget`, `restore`, `supersede`, `parameters`: what changes a memory."""

import sys
from dataclasses import dataclass, field
from typing import Annotated
from uuid import UUID

import typer

from human_memory.cli.bus_options import BusOptions
from human_memory.cli.command import command
from human_memory.cli.options import json_object, moment, numbers_by_name
from human_memory.cli.rendering import print_parameters
from human_memory.operations.memories import require_correctable
from schemas.fields import NEVER
from schemas.inbox import Access, Correct, Forget, Restore, SetParameters, Store, Supersede
from schemas.queries import Inspect, ParametersQuery

app = typer.Typer()

MemoryIdArgument = Annotated[UUID, typer.Argument(metavar="ID", help="The memory's id.")]
ReasonOption = Annotated[str | None, typer.Option(help="The reason, for people who read the log.")]
WaitOption = Annotated[bool, typer.Option("--wait", help="Wait until searches find it, too.")]


@dataclass(frozen=True, kw_only=True)
class StoreOptions(BusOptions):
    """Options of `store`."""

    text: Annotated[str, typer.Argument(help="What to remember; - reads standard input.")]
    memory_type: Annotated[
        str,
        typer.Option(
            "--type", "-t", help="episodic, semantic, procedural, working, emotional or your own."
        ),
    ] = "episodic"
    tags: Annotated[
        list[str], typer.Option("--tag", help="A label to filter by; may be repeated.")
    ] = field(default_factory=list)
    speaker: Annotated[str | None, typer.Option(help="The speaker.")] = None
    session: Annotated[str | None, typer.Option(help="The conversation that it belongs to.")] = None
    at: Annotated[
        str | None, typer.Option(metavar="TIME", help="When it happened, if not now (ISO 8601).")
    ] = None
    context: Annotated[str | None, typer.Option(help="The situation, as text.")] = None
    key: Annotated[
        str | None, typer.Option(help="Idempotency key: used again, it stores nothing new.")
    ] = None
    metadata: Annotated[
        str | None, typer.Option(metavar="JSON", help="An object to keep with it.")
    ] = None
    pinned: Annotated[bool, typer.Option("--pinned", help="Never decays.")] = False
    expires_at: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="When it is archived, pinned or not (ISO 8601)."),
    ] = None
    concepts: Annotated[
        list[str],
        typer.Option("--concept", help="A concept of the graph it is about; may be repeated."),
    ] = field(default_factory=list)
    emotion: Annotated[
        str | None,
        typer.Option(
            metavar="JSON",
            help="valence -1 to 1, arousal and salience 0 to 1; else worked out from the text.",
        ),
    ] = None
    derived_from: Annotated[
        list[UUID],
        typer.Option("--derived-from", help="A memory that it was made from; may be repeated."),
    ] = field(default_factory=list)
    if_equal: Annotated[
        str,
        typer.Option(help="If one says the same already: add another, or strengthen it."),
    ] = "add"
    wait: WaitOption = False


@command(app)
async def store(options: StoreOptions) -> None:
    """Remember a text. Prints its id and the position to search `--after`.

    Example: `human-memory store "Noemi moved to Leeds" --speaker Noemi --tag home --wait`
    """
    message = options.message(
        Store,
        content=_text(options.text),
        occurred_at=moment(options.at, "--at"),
        expires_at=moment(options.expires_at, "--expires-at"),
        idempotency_key=options.key,
        metadata=json_object(options.metadata, "--metadata"),
        emotion=json_object(options.emotion, "--emotion"),
        derived_from=[{"memory_id": each} for each in options.derived_from],
    )
    async with options.bus() as bus:
        reply = await bus.request(message, timeout_seconds=options.timeout)
        memory_id = reply.unwrap()["memory_id"]
        if options.wait:
            seen = Inspect(
                namespace=options.namespace, memory_id=UUID(memory_id), after=reply.position
            )
            await bus.ask(seen, timeout_seconds=options.timeout)
    options.print_done(reply, f"stored {memory_id}")


@dataclass(frozen=True, kw_only=True)
class AccessOptions(BusOptions):
    """Options of `access`."""

    memory_ids: Annotated[list[UUID], typer.Argument(metavar="ID...", help="Ids of memories.")]
    kind: Annotated[str, typer.Option(help="used, recall or rehearsal.")] = "used"
    context: Annotated[str | None, typer.Option(help="The situation, as text.")] = None
    at: Annotated[
        str | None, typer.Option(metavar="TIME", help="When they were used, if not now (ISO 8601).")
    ] = None


@command(app)
async def access(options: AccessOptions) -> None:
    """Report that memories were used, which strengthens them.

    Example: `human-memory access 5a0f... 77c1... --kind used`
    """
    message = options.message(Access, occurred_at=moment(options.at, "--at"))
    await options.write(message, f"{len(options.memory_ids)} accesses recorded")


@dataclass(frozen=True, kw_only=True)
class MemoryOptions(BusOptions):
    """Options of `forget` and `restore`."""

    memory_id: MemoryIdArgument
    reason: ReasonOption = None


@command(app)
async def forget(options: MemoryOptions) -> None:
    """Take a memory out of searches. The log keeps it, and `restore` brings it back.

    Example: `human-memory forget 5a0f... --reason "asked to"`
    """
    await _require_known(options)
    await options.write(options.message(Forget), f"forgot {options.memory_id}")


@command(app)
async def restore(options: MemoryOptions) -> None:
    """Bring a forgotten or decayed memory back.

    Example: `human-memory restore 5a0f...`
    """
    await _require_known(options)
    await options.write(options.message(Restore), f"restored {options.memory_id}")


@dataclass(frozen=True, kw_only=True)
class SupersedeOptions(BusOptions):
    """Options of `supersede`."""

    memory_id: MemoryIdArgument
    superseded_by: Annotated[UUID, typer.Argument(help="The newer memory.")]
    reversed: Annotated[
        bool, typer.Option("--reversed", help="Take it back: the older one holds after all.")
    ] = False


@command(app)
async def supersede(options: SupersedeOptions) -> None:
    """Say that a newer memory holds instead of an older one, which then comes after it.

    Example: `human-memory supersede 5a0f... 77b1...`
    """
    for memory_id in (options.memory_id, options.superseded_by):
        await options.request(Inspect(namespace=options.namespace, memory_id=memory_id))
    state = "holds again" if options.reversed else f"is superseded by {options.superseded_by}"
    await options.write(options.message(Supersede), f"{options.memory_id} {state}")


@dataclass(frozen=True, kw_only=True)
class CorrectOptions(BusOptions):
    """Options of `correct`."""

    memory_id: MemoryIdArgument
    text: Annotated[
        str | None, typer.Argument(help="What it says from now on; - reads standard input.")
    ] = None
    tags: Annotated[
        list[str], typer.Option("--tag", help="All of its tags from now on; may be repeated.")
    ] = field(default_factory=list)
    metadata: Annotated[
        str | None, typer.Option(metavar="JSON", help="All of its metadata from now on.")
    ] = None
    expires_at: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="When it is archived instead (ISO 8601), or never."),
    ] = None
    reason: ReasonOption = None
    reversed: Annotated[
        bool, typer.Option("--reversed", help="Take the latest correction back.")
    ] = False


@command(app)
async def correct(options: CorrectOptions) -> None:
    """Correct what a memory says; its id and its uses stay. `inspect` shows what it said before.

    Example: `human-memory correct 5a0f... "Noemi moved to Bern" --reason "misheard"`
    """
    until = options.expires_at
    message = options.message(
        Correct,
        content=_text(options.text),
        tags=options.tags or None,
        metadata=json_object(options.metadata, "--metadata"),
        expires_at=NEVER if until == NEVER else moment(until, "--expires-at"),
    )
    found = await options.request(options.message(Inspect))
    require_correctable(message, found.result or {})
    done = "took the latest correction back" if options.reversed else "corrected"
    await options.write(message, f"{done}: {options.memory_id}")


@dataclass(frozen=True, kw_only=True)
class ParametersOptions(BusOptions):
    """Options of `parameters`."""

    values: Annotated[
        list[str],
        typer.Argument(metavar="NAME=NUMBER...", help="Parameters that differ from the defaults."),
    ] = field(default_factory=list)
    defaults: Annotated[bool, typer.Option(help="Set all parameters to their defaults.")] = False


@command(app)
async def parameters(options: ParametersOptions) -> None:
    """The model's parameters of a namespace: show them, or set them.

    Where some are set, all that are not named get their defaults.

    Example: `human-memory parameters horizon_seconds=2592000 -n acme/agent-7`
    """
    given = numbers_by_name(options.values)
    if not given and not options.defaults:
        await options.answer(options.message(ParametersQuery), print_parameters)
        return
    message = options.message(SetParameters, parameters=given)
    await options.write(message, f"parameters of {options.namespace} are set")


async def _require_known(options: MemoryOptions) -> None:
    # The log takes a wish about anything, and the fold ignores what points at nothing: only the
    # read side can tell someone that they mistyped.
    await options.request(options.message(Inspect))


def _text(given: str | None) -> str | None:
    return sys.stdin.read().strip() if given == "-" else given
