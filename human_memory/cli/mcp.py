"""`mcp`: the memory as tools for assistants."""

import logging
import sys
from dataclasses import dataclass
from typing import Annotated

import typer

from human_memory import AsyncMemory
from human_memory.cli.command import command
from human_memory.cli.options import DataOptions
from human_memory.exceptions import HumanMemoryError
from human_memory.extras import needs
from human_memory.local import instance as instances

app = typer.Typer()
SERVER_DEFAULT = "http://localhost:8000"


@dataclass(frozen=True, kw_only=True)
class McpOptions(DataOptions):
    """Options of `mcp`."""

    server: Annotated[
        str | None,
        typer.Option(
            help="Where the memory is: http://host:port or kafka://host:port.",
            show_default=f"the gateway of `human-memory up`, else {SERVER_DEFAULT}",
        ),
    ] = None
    namespace: Annotated[
        str,
        typer.Option(
            "--namespace",
            "-n",
            help="The namespace: whose memory it is.",
            envvar="HUMAN_MEMORY_NAMESPACE",
        ),
    ] = "default"
    api_key: Annotated[
        str | None,
        typer.Option(help="The key, if the gateway asks for one.", envvar="HUMAN_MEMORY_API_KEY"),
    ] = None
    http: Annotated[
        int | None,
        typer.Option(
            metavar="PORT",
            help="Serve streamable HTTP at http://127.0.0.1:PORT/mcp instead of stdin and stdout.",
        ),
    ] = None


@command(app)
def mcp(options: McpOptions) -> None:
    """Offer the memory to an assistant by the Model Context Protocol.

    Speaks over stdin and stdout: an assistant starts this command itself.

    Example: `human-memory mcp -n acme/agent-7`
    """
    with needs("mcp"):
        from human_memory.mcp_server import server_of
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)  # stdout is the protocol's
    try:
        memory = AsyncMemory(
            _address(options), namespace=options.namespace, api_key=options.api_key
        )
    except HumanMemoryError as error:
        raise typer.BadParameter(str(error)) from None
    server = server_of(memory)
    if options.http is None:
        server.run("stdio")
    else:
        server.run("streamable-http", port=options.http)


def _address(options: McpOptions) -> str:
    if options.server is not None:
        return options.server
    found = instances.running(options.folder)
    return found.http.get("gateway", SERVER_DEFAULT) if found else SERVER_DEFAULT
