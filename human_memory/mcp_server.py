"""The memory as tools of the Model Context Protocol, for assistants that speak it."""

import inspect
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, get_args

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations
from pydantic import BaseModel, Field
from pydantic.fields import FieldInfo

from human_memory import AsyncMemory, __version__
from human_memory.exceptions import HumanMemoryError, MemoryNotFound
from human_memory.models import (
    Concept,
    MemoryCreated,
    MemoryDetail,
    MemoryInfo,
    Relation,
    Restored,
    SearchResult,
    SpreadResult,
    Stats,
    WorkingMemoryItem,
)
from human_memory.operations.requests import (
    ConceptRequest,
    CorrectRequest,
    ForgetRequest,
    InspectRequest,
    Nothing,
    RecallRequest,
    RestoreRequest,
    SearchRequest,
    StoreRequest,
    SupersedeRequest,
)

INSTRUCTIONS = """\
A long-term memory that works like a person's: what is used often and lately, what was emotional and
what fits the context comes back first, and what is never used fades.

Search it before you answer anything that earlier conversations may have to do with. Store each
fact, preference, decision or event worth keeping as one short sentence that can be understood
without the conversation. Say who and when: "Noemi prefers tea (3 May 2026)", not "she likes tea".
"""
_READS = ToolAnnotations(read_only_hint=True)
# Searching and recalling strengthen what they find: harmless, but not nothing.
_STRENGTHENS = ToolAnnotations(read_only_hint=False, destructive_hint=False)
_FORGETS = ToolAnnotations(read_only_hint=False, destructive_hint=True)

MemoryType = Annotated[
    Literal["episodic", "semantic", "procedural"],
    Field(description="episodic: happened; semantic: is so; procedural: how to do it."),
]


class Forgotten(BaseModel):
    """A memory that is gone; `restore` brings it back."""

    memory_id: str
    forgotten: bool


def _text(description: str) -> Any:
    return Annotated[str, Field(description=description)]


_OF_MEMORY = {"memory_id": _text("The memory's id, as store or search gave it.")}


@dataclass(frozen=True)
class Tool:
    """A method of the client as a tool. It takes the fields of the operation's request.

    `without`: fields that are for programs. `kinds`: types and words that suit an assistant better.
    """

    method: str
    request: type[BaseModel]
    response: Any
    title: str
    annotations: ToolAnnotations
    doc: str
    without: frozenset[str] = frozenset()
    kinds: Mapping[str, Any] = field(default_factory=dict)
    name: str | None = None


_TOOLS = (
    Tool(
        "store",
        StoreRequest,
        MemoryCreated,
        "Remember something",
        _STRENGTHENS,
        "Remember a fact, preference, decision or event for later conversations.",
        without=frozenset({"metadata"}),
        kinds={
            "content": _text("One fact or event, as a full sentence."),
            "memory_type": MemoryType,
            "derived_from": Annotated[list[str], Field(description="Ids of what it sums up.")],
        },
    ),
    Tool(
        "search",
        SearchRequest,
        list[SearchResult],
        "Search the memory",
        _STRENGTHENS,
        "Memories about something, those that come to mind most easily first. "
        "`superseded_by`: the id of a newer memory that says what holds now instead.",
        without=frozenset(
            {
                *("filter", "min_activation", "record_access", "noise", "seed", "explain"),
                "parameters",
            }
        ),
        kinds={"query": _text("What to remember about: a question or words.")},
    ),
    Tool(
        "recall",
        RecallRequest,
        MemoryInfo,
        "Recall one memory",
        _STRENGTHENS,
        "The full text of one memory by its id; this strengthens it.",
        without=frozenset({"record_access", "explain"}),
        kinds=_OF_MEMORY,
    ),
    Tool(
        "inspect",
        InspectRequest,
        MemoryDetail,
        "Look at one memory",
        _READS,
        "Everything about one memory: its history, what it was made from and what was made of it.",
        kinds=_OF_MEMORY,
    ),
    Tool(
        "forget",
        ForgetRequest,
        Forgotten,
        "Forget a memory",
        _FORGETS,
        "Forget a memory that is wrong, or that somebody wants gone. Search for its id first.",
        kinds=_OF_MEMORY,
    ),
    Tool(
        "restore",
        RestoreRequest,
        Restored,
        "Restore a memory",
        _STRENGTHENS,
        "Bring back a memory that was forgotten or has faded.",
        kinds=_OF_MEMORY,
    ),
    Tool(
        "correct",
        CorrectRequest,
        MemoryDetail,
        "Correct a memory",
        _STRENGTHENS,
        "Correct what a memory says where it was wrong from the beginning; it keeps its id and how "
        "well it is remembered. If something has changed since, store that and supersede instead.",
        kinds=_OF_MEMORY
        | {"reversed": Annotated[bool, Field(description="Take the latest correction back.")]},
        without=frozenset({"metadata"}),
    ),
    Tool(
        "supersede",
        SupersedeRequest,
        None,
        "Say what holds now",
        _STRENGTHENS,
        "Say that a newer memory holds instead of an older one, which then comes after it.",
        kinds={
            "reversed": Annotated[bool, Field(description="Take it back: the older one holds.")]
        },
    ),
    Tool(
        "working_memory",
        Nothing,
        list[WorkingMemoryItem],
        "See what is in focus",
        _READS,
        "The memories stored or used lately that are most active now, the strongest first.",
    ),
    Tool("stats", Nothing, Stats, "Count memories", _READS, "How many there are, by status."),
    Tool(
        "add_concept",
        ConceptRequest,
        Concept,
        "Describe a concept",
        _STRENGTHENS,
        "Note what a concept is. Texts stored later that name it, or an alias, are linked to it.",
        kinds={
            "name": _text("A person, thing or topic, such as Noemi."),
            "type": _text("What it is, such as person."),
            "activation": Annotated[float, Field(ge=0, le=1, description="How present it is.")],
            "aliases": Annotated[list[str], Field(description="Other names in texts.")],
        },
        name="describe",
    ),
)
# The client has names of its own for these.
_ARGUMENTS = {"created_after": "since", "created_before": "until"}


def server_of(memory: AsyncMemory) -> MCPServer:
    """A server whose tools use `memory`, which it closes in the end."""

    @asynccontextmanager
    async def lifespan(_: MCPServer) -> AsyncIterator[None]:
        async with memory:
            yield

    server = MCPServer(
        "human-memory",
        title="Human memory",
        version=__version__,
        instructions=INSTRUCTIONS,
        lifespan=lifespan,
        log_level="WARNING",
    )
    for tool in _TOOLS:
        server.add_tool(
            _function(memory, tool),
            name=tool.name or tool.method,
            title=tool.title,
            description=tool.doc,
            annotations=tool.annotations,
        )
    _add_graph_tools(server, memory)
    return server


def _function(memory: AsyncMemory, tool: Tool) -> Callable[..., Any]:
    """A function with the tool's fields as its parameters."""
    method = getattr(memory, tool.method)

    async def call(**given: Any) -> Any:
        fields = tool.request.model_construct(**given).model_dump(
            mode="json",
            include=set(given),
            exclude_none=True,
            exclude_defaults=True,
            warnings=False,
        )
        arguments = {_ARGUMENTS.get(name, name): value for name, value in fields.items()}
        with _failures_told():
            answer = await method(**arguments)
        return Forgotten(**fields, forgotten=answer) if tool.response is Forgotten else answer

    signature = inspect.Signature(_parameters(tool), return_annotation=tool.response)
    call.__signature__ = signature  # type: ignore[attr-defined] # functions take it
    return call


def _parameters(tool: Tool) -> list[inspect.Parameter]:
    return [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            annotation=tool.kinds.get(name) or _kind(info),
            default=inspect.Parameter.empty if info.is_required() else info.default,
        )
        for name, info in tool.request.model_fields.items()
        if name not in tool.without
    ]


def _kind(info: FieldInfo) -> Any:
    """The type of a field with its description, also where only one of its types has one."""
    said = [info, *(each for kind in get_args(info.annotation) for each in get_args(kind))]
    found = (each.description for each in said if isinstance(each, FieldInfo) and each.description)
    return Annotated[(info.annotation, *info.metadata, Field(description=next(found, None)))]


def _add_graph_tools(server: MCPServer, memory: AsyncMemory) -> None:
    @server.tool(title="Relate two concepts", annotations=_STRENGTHENS)
    async def relate(
        source: Annotated[str, Field(description="A person, thing or topic, such as Noemi.")],
        relation_type: Annotated[str, Field(description="A verb, such as LIVES_IN.")],
        target: Annotated[str, Field(description="Another one, such as Bern.")],
        weight: Annotated[float, Field(ge=0, le=1, description="How strongly.")] = 1.0,
    ) -> Relation:
        """Note that two concepts are related; thinking of one then helps memories of the other."""
        with _failures_told():
            for name in (source, target):
                await _ensure(memory, name)
            kind = re.sub(r"\W+", "_", relation_type.strip())
            return await memory.add_relation(source, target, kind, weight)

    @server.tool(title="Find related concepts", annotations=_READS)
    async def related(
        concepts: Annotated[list[str], Field(description="Concepts that are in mind.")],
        depth: Annotated[int, Field(ge=1, le=4, description="Relations of a path at most.")] = 2,
        limit: Annotated[int, Field(ge=1, le=100, description="At most so many.")] = 10,
    ) -> list[SpreadResult]:
        """Concepts near some others in the graph of relations, the nearest first."""
        with _failures_told():
            return await memory.spread(concepts, depth, limit)


async def _ensure(memory: AsyncMemory, name: str) -> None:
    try:
        await memory.get_concept(name)
    except MemoryNotFound:
        await memory.add_concept(name)


@contextmanager
def _failures_told() -> Iterator[None]:
    """Tell the model what the memory refuses, and why, so that it can do better."""
    try:
        yield
    except HumanMemoryError as error:
        raise ToolError(str(error)) from error
