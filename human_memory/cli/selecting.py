"""`forget-matching` and `delete-namespace`: what is done to many memories at once."""

from dataclasses import dataclass
from typing import Annotated

import typer

from human_memory.cli.asking import ConditionOptions
from human_memory.cli.bus_options import BusOptions
from human_memory.cli.command import command
from human_memory.cli.options import json_object, moment
from human_memory.cli.output import out, print_json
from human_memory.cli.writing import ReasonOption
from human_memory.deadline import Deadline
from human_memory.operations.context import RequestContext
from human_memory.operations.requests import ForgetMatchingRequest
from human_memory.operations.selecting import forget_matching as perform
from schemas.inbox import DeleteNamespace

app = typer.Typer()


@dataclass(frozen=True, kw_only=True)
class MatchingOptions(ConditionOptions, BusOptions):
    """Options of `forget-matching`."""

    all_: Annotated[bool, typer.Option("--all", help="Every memory of the namespace.")] = False
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count them.")] = False
    reason: ReasonOption = None


@command(app)
async def forget_matching(options: MatchingOptions) -> None:
    """Forget all memories that meet conditions, or all there are. `restore` brings one back.

    Example: `human-memory forget-matching --filter '{"ticket": 4711}' --dry-run`
    """
    request = options.message(
        ForgetMatchingRequest,
        filter=json_object(options.filter, "--filter"),
        created_after=moment(options.since, "--since"),
        created_before=moment(options.until, "--until"),
        all=options.all_,
    )
    async with options.bus() as bus:
        deadline = Deadline.after(options.timeout)
        forgotten = await perform(request, RequestContext(bus, options.namespace, deadline))
    if options.as_json:
        print_json(forgotten.model_dump())
        return
    done = "would be forgotten" if options.dry_run else "forgotten"
    out().print(f"{forgotten.count} {done}", markup=False)


@dataclass(frozen=True, kw_only=True)
class DeleteNamespaceOptions(BusOptions):
    """Options of `delete-namespace`."""

    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False
    reason: ReasonOption = None


@command(app)
async def delete_namespace(options: DeleteNamespaceOptions) -> None:
    """Delete a namespace with all that is in it: memories, graph, parameters, runs. For good.

    It asks first. Example: `human-memory delete-namespace -n acme/agent-7`
    """
    if not options.yes:
        question = f"Delete all that is in the namespace {options.namespace}, for good?"
        typer.confirm(question, abort=True, err=True)
    message = options.message(DeleteNamespace, confirm=options.namespace)
    await options.write(message, f"deleted {options.namespace}", visible=True)
