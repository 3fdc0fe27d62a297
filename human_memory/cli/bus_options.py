"""Options of commands that ask over the bus, and their asking."""

from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

import typer
from pydantic import BaseModel

from human_memory.bus.bus import TIMEOUT_SECONDS_DEFAULT, Bus, Request
from human_memory.cli.options import JsonOption, KafkaOptions, NamespaceOption
from human_memory.cli.output import Show, out, print_json
from human_memory.deadline import Deadline
from human_memory.operations.context import RequestContext
from schemas.replies import Reply

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, kw_only=True)
class BusOptions(KafkaOptions, NamespaceOption, JsonOption):
    """Options of every command that asks over the bus."""

    timeout: Annotated[
        float, typer.Option(help="Seconds to wait for the answer.", metavar="SECONDS")
    ] = 25.0

    def bus(self) -> Bus:
        """A client, not connected yet."""
        return Bus(self.settings(), client_id="human-memory-cli")

    def message(self, kind: type[M], **fields: Any) -> M:
        """A message of `fields` and, for its others, of the options of the same names.

        Raises:
            ValidationError: the contract forbids it.
        """
        own = {name: getattr(self, name) for name in kind.model_fields if hasattr(self, name)}
        given = {name: value for name, value in (own | fields).items() if value is not None}
        return kind.model_validate(given)

    async def request(self, message: Request, *, visible: bool = False) -> Reply:
        """Send one message and wait for its reply; a reply that carries an error is raised."""
        async with self.bus() as bus:
            reply = await bus.request(message, timeout_seconds=self.timeout, visible=visible)
        reply.unwrap()
        if reply.warning is not None:
            typer.echo(f"warning: {reply.warning}", err=True)
        return reply

    async def answer(self, query: Request, show: Show) -> None:
        """Ask, and print the answer."""
        reply = await self.request(query)
        if self.as_json:
            _print_json(reply)
        else:
            show(out(), reply.result or {})

    async def write(self, command: Request, done: str, *, visible: bool = False) -> None:
        """Send a command, and print that it is `done`."""
        self.print_done(await self.request(command, visible=visible), done)

    def print_done(self, reply: Reply, done: str) -> None:
        """Print that something is done, and the position to ask `--after`."""
        if self.as_json:
            _print_json(reply)
            return
        out().print(done, markup=False, soft_wrap=True)
        out().print(f"position {reply.position}", markup=False, style="dim")


def _print_json(reply: Reply) -> None:
    print_json({**(reply.result or {}), "position": reply.position})


def context_of(options: KafkaOptions) -> RequestContext:
    """The context of an operation that asks nobody over the bus: its bus is not connected."""
    bus = Bus(options.settings(), client_id="human-memory-cli")
    return RequestContext(bus, "default", Deadline.after(TIMEOUT_SECONDS_DEFAULT))


@dataclass(frozen=True, kw_only=True)
class QueryOptions(BusOptions):
    """Options of every query."""

    after: Annotated[
        str | None,
        typer.Option(
            help="Position of a write, as `store` prints it: the answer has seen it.",
            metavar="POSITION",
        ),
    ] = None
