"""The memory as tools of the Model Context Protocol, for assistants that speak it."""

import difflib
import inspect
import json
import re
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Annotated, Any, get_args

from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError, UnexpectedToolError
from mcp.types import CallToolResult, InputRequiredResult
from mcp.types import Tool as Described
from pydantic import Field, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import to_json

from human_memory import AsyncMemory, __version__
from human_memory._client.arguments import RecallMore
from human_memory._client.warned import listening
from human_memory.exceptions import HumanMemoryError, MemoryNotFound, ServiceUnavailable
from human_memory.mcp_answers import one, part, rows, text
from human_memory.mcp_tools import READS, STRENGTHENS, TOOLS, MemoryId, PastMoment, Tool
from human_memory.operations.problems import refused

INSTRUCTIONS = """\
A long-term memory that works like a person's: what is used often and lately, what was emotional and
what fits the context comes back first, and what is never used fades.

Search it before you answer anything that earlier conversations may have to do with. Store each
fact, preference, decision or event worth keeping as one short sentence that can be understood
without the conversation. Say who and when: "Noemi prefers tea (3 May 2026)", not "she likes tea".

An answer shows the beginning of a long memory; recall reads the whole of it, part by part.
"""
_REQUEST = re.compile(r"\b(GET|POST|DELETE|PUT|PATCH) /\S+")
_PREFIX = re.compile(r"^(Validation error|Service unavailable|HTTP \d+): ")
_IDS = ("memory_id", "superseded_by")
_ID_SHOWN_CHARACTERS = 80
_WORDS_CHARACTERS_MAX = 1_000


class _Server(MCPServer):
    """A server that refuses what a tool does not take, and says in a sentence what is wrong."""

    async def list_tools(self) -> list[Described]:
        """All tools, each with the arguments that it takes and no other."""
        return [
            tool.model_copy(
                update={"input_schema": {**tool.input_schema, "additionalProperties": False}}
            )
            for tool in await super().list_tools()
        ]

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[Any, Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        """The answer of the tool.

        Raises:
            ToolError: it does not; the text is for the assistant to read.
        """
        tools = {tool.name: tool.input_schema["properties"] for tool in await self.list_tools()}
        if name not in tools:
            raise _unknown("tool of this memory", name, tools)
        for each in sorted(arguments.keys() - tools[name].keys()):
            raise _unknown(f"argument of {name}", each, tools[name])
        given = {each: value for each, value in arguments.items() if value is not None}
        try:
            return await super().call_tool(name, given, context)
        except UnexpectedToolError as error:
            words = f"{name} failed within this server, which has logged why."
            raise UnexpectedToolError(words) from error
        except ToolError as error:
            raise ToolError(_reason(name, error)) from error


def server_of(memory: AsyncMemory) -> MCPServer:
    """A server whose tools use `memory`, which it closes in the end."""

    @asynccontextmanager
    async def lifespan(_: MCPServer) -> AsyncIterator[None]:
        async with memory:
            yield

    server = _Server(
        "human-memory",
        title="Human memory",
        version=__version__,
        instructions=INSTRUCTIONS,
        lifespan=lifespan,
        log_level="WARNING",
    )
    for tool in TOOLS:
        server.add_tool(
            _function(memory, tool),
            name=tool.name,
            title=tool.title,
            description=tool.doc,
            annotations=tool.annotations,
            structured_output=False,  # the same again, for programs
        )
    _add_recall(server, memory)
    _add_graph_tools(server, memory)
    return server


def _function(memory: AsyncMemory, tool: Tool) -> Callable[..., Any]:
    """A function with the tool's fields as its parameters."""
    method = getattr(memory, tool.method)

    async def call(**given: Any) -> str:
        set_ = {name: value for name, value in given.items() if value is not None}
        try:
            request = tool.request.model_validate_json(to_json(set_), strict=True)
        except ValidationError as error:
            raise ToolError(refused(error, tool.request).message) from error
        fields = request.model_dump(
            mode="json", include=set(set_), exclude_none=True, exclude_defaults=True
        )
        arguments = {tool.renamed.get(name, name): value for name, value in fields.items()}
        with _told(given) as warnings:
            return text(tool.answer(await method(**arguments), fields), warnings)

    signature = inspect.Signature(_parameters(tool), return_annotation=str)
    call.__signature__ = signature  # type: ignore[attr-defined] # functions take it
    return call


def _parameters(tool: Tool) -> list[inspect.Parameter]:
    return [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            annotation=tool.kinds.get(name) or _kind(info),
            default=inspect.Parameter.empty
            if info.is_required()
            else tool.defaults.get(name, info.default),
        )
        for name, info in tool.request.model_fields.items()
        if name not in tool.without
    ]


def _kind(info: FieldInfo) -> Any:
    """The type of a field with its description, also where only one of its types has one."""
    said = [info, *(each for kind in get_args(info.annotation) for each in get_args(kind))]
    found = (each.description for each in said if isinstance(each, FieldInfo) and each.description)
    return Annotated[(info.annotation, *info.metadata, Field(description=next(found, None)))]


def _add_recall(server: MCPServer, memory: AsyncMemory) -> None:
    @server.tool(title="Recall one memory", annotations=STRENGTHENS, structured_output=False)
    async def recall(
        memory_id: MemoryId,
        offset: Annotated[
            int, Field(ge=0, description="The last part's next_offset, to read on after it.")
        ] = 0,
        context: Annotated[str | None, Field(description="The situation, kept with it.")] = None,
        as_of: PastMoment = None,
    ) -> str:
        """The whole text of one memory by its id, in parts if it is long; this strengthens it."""
        more: RecallMore = {"context": context}
        if as_of is not None:
            more["as_of"] = as_of
        if offset:
            more["record_access"] = False  # reading on is no other recall
        with _told({"memory_id": memory_id}) as warnings:
            return text(part(await memory.recall(memory_id, **more), offset), warnings)


def _add_graph_tools(server: MCPServer, memory: AsyncMemory) -> None:
    @server.tool(title="Relate two concepts", annotations=STRENGTHENS, structured_output=False)
    async def relate(
        source: Annotated[str, Field(description="A person, thing or topic, such as Noemi.")],
        relation_type: Annotated[str, Field(description="A verb, such as LIVES_IN.")],
        target: Annotated[str, Field(description="Another one, such as Bern.")],
        weight: Annotated[float, Field(ge=0, le=1, description="How strongly.")] = 1.0,
    ) -> str:
        """Note that two concepts are related; thinking of one then helps memories of the other."""
        with _told({"source": source, "target": target}) as warnings:
            for name in (source, target):
                await _ensure(memory, name)
            kind = re.sub(r"[^\w\x80-\U0010ffff]+", "_", relation_type.strip())
            return text(one(await memory.add_relation(source, target, kind, weight)), warnings)

    @server.tool(title="Find related concepts", annotations=READS, structured_output=False)
    async def related(
        concepts: Annotated[list[str], Field(description="Concepts that are in mind.")],
        depth: Annotated[int, Field(ge=1, le=4, description="Relations of a path at most.")] = 2,
        limit: Annotated[int, Field(ge=1, le=100, description="At most so many.")] = 10,
    ) -> str:
        """Concepts near some others in the graph of relations, the nearest first."""
        nothing = "No concept is near: these are unknown, or relate to nothing."
        with _told({"concepts": concepts}) as warnings:
            found = await memory.spread(concepts, depth, limit)
            return text(rows("concepts", found, nothing), warnings)


async def _ensure(memory: AsyncMemory, name: str) -> None:
    try:
        await memory.get_concept(name)
    except MemoryNotFound:
        await memory.add_concept(name)


@contextmanager
def _told(given: Mapping[str, Any]) -> Iterator[list[str]]:
    """Tell the model what the memory refuses, and why, so that it can do better.

    The warnings are those of the answers, for the same reader.
    """
    try:
        with listening() as warnings:
            yield warnings
    except HumanMemoryError as error:
        raise ToolError(_sentence(error, given)) from error


def _sentence(error: HumanMemoryError, given: Mapping[str, Any]) -> str:
    """The failure in words, without the requests that an assistant knows nothing of."""
    if isinstance(error, MemoryNotFound):
        ids = [repr(given[name][:_ID_SHOWN_CHARACTERS]) for name in _IDS if name in given]
        words = str(error).removeprefix("Not found: ")
        if ids:
            said = "no memory here has that id" if words.startswith("/") else words
            return (
                f"{said} (asked for {' or '.join(ids)}). "
                "search and list give ids; restore brings back what was forgotten."
            )
        return f"{words}." if not words.startswith("/") else "Nothing here has that name."
    words = _detail(str(error))[:_WORDS_CHARACTERS_MAX]
    return f"{words}; try again in a moment" if isinstance(error, ServiceUnavailable) else words


def _detail(words: str) -> str:
    _, brace, body = words.partition("{")
    try:
        said = json.loads(brace + body)["detail"]
        return said if isinstance(said, str) else "; ".join(each["msg"] for each in said)
    except (ValueError, KeyError, TypeError):
        return _REQUEST.sub("the call", _PREFIX.sub("", words))


def _reason(tool: str, error: ToolError) -> str:
    """The reason for which a tool did not do it, without what the library puts around it."""
    if isinstance(error.__cause__, ValidationError):
        return refused(error.__cause__, Any).message
    return str(error).removeprefix(f"Error executing tool {tool}: ")


def _unknown(kind: str, name: str, known: Collection[str]) -> ToolError:
    meant = difflib.get_close_matches(name, known, 1)
    guess = f" Did you mean {meant[0]}?" if meant else ""
    there = ", ".join(known) or "none"
    return ToolError(f"{name[:_ID_SHOWN_CHARACTERS]!r} is no {kind}.{guess} There are: {there}.")
