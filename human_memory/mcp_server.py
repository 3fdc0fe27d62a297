"""The memory as tools of the Model Context Protocol, for assistants that speak it."""

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Annotated, Literal

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations
from pydantic import BaseModel, Field

from human_memory import AsyncMemory, __version__
from human_memory.exceptions import HumanMemoryError, MemoryNotFound
from human_memory.models import MemoryInfo, Relation, SpreadResult, Stats

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

MemoryType = Literal["episodic", "semantic", "procedural"]
MemoryIdText = Annotated[str, Field(description="The memory's id, as store or search gave it.")]
Tags = Annotated[list[str] | None, Field(description="Labels; a search can ask for them.")]


class Stored(BaseModel):
    """A new memory."""

    memory_id: str
    created_at: str


class Remembered(BaseModel):
    """A memory that a search found. A higher activation comes to mind more easily.

    `superseded_by`: the id of a newer memory that says what holds now instead.
    """

    memory_id: str
    content: str
    memory_type: str | None
    speaker: str | None
    created_at: str | None
    last_accessed: str
    superseded_by: str | None
    activation: float
    similarity: float
    tags: list[str]


class Forgotten(BaseModel):
    """A memory that is gone; an operator can restore it."""

    memory_id: str
    forgotten: bool


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
    _add_memory_tools(server, memory)
    _add_graph_tools(server, memory)
    return server


def _add_memory_tools(server: MCPServer, memory: AsyncMemory) -> None:
    @server.tool(title="Remember something", annotations=_STRENGTHENS)
    async def store(
        content: Annotated[str, Field(description="One fact or event, as a full sentence.")],
        memory_type: Annotated[
            MemoryType,
            Field(description="episodic: happened; semantic: is so; procedural: how to do it."),
        ] = "episodic",
        context: Annotated[
            str | None, Field(description="The situation, in a word or two.")
        ] = None,
        tags: Tags = None,
    ) -> Stored:
        """Remember a fact, preference, decision or event for later conversations."""
        with _failures_told():
            made = await memory.store(content, memory_type, context, tags=tags or [])
        return Stored(memory_id=made.memory_id, created_at=made.created_at)

    @server.tool(title="Search the memory", annotations=_STRENGTHENS)
    async def search(
        query: Annotated[str, Field(description="What to remember about: a question or words.")],
        top_k: Annotated[int, Field(ge=1, le=100, description="At most so many.")] = 7,
        tags: Tags = None,
    ) -> list[Remembered]:
        """What is remembered about something, what comes to mind most easily first."""
        with _failures_told():
            found = await memory.search(query, top_k, tags=tags or [])
        return [Remembered.model_validate(row, from_attributes=True) for row in found]

    @server.tool(title="Recall one memory", annotations=_STRENGTHENS)
    async def recall(memory_id: MemoryIdText) -> MemoryInfo:
        """The full text of one memory by its id; this strengthens it."""
        with _failures_told():
            return await memory.recall(memory_id)

    @server.tool(title="Forget a memory", annotations=_FORGETS)
    async def forget(memory_id: MemoryIdText) -> Forgotten:
        """Forget a memory that is wrong, or that somebody wants gone. Search for its id first."""
        with _failures_told():
            return Forgotten(memory_id=memory_id, forgotten=await memory.forget(memory_id))

    @server.tool(title="Count memories", annotations=_READS)
    async def stats() -> Stats:
        """How many memories there are, by status."""
        with _failures_told():
            return await memory.stats()


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
        limit: Annotated[int, Field(ge=1, le=100, description="At most so many.")] = 10,
    ) -> list[SpreadResult]:
        """Concepts near some others in the graph of relations, the nearest first."""
        with _failures_told():
            return await memory.spread(concepts, limit=limit)


async def _ensure(memory: AsyncMemory, name: str) -> None:
    try:
        await memory.get_concept(name)
    except MemoryNotFound:
        await memory.add_concept(name)


@contextmanager
def _failures_told() -> Iterator[None]:
    """What the memory refuses, the model is told, so that it can do better."""
    try:
        yield
    except HumanMemoryError as error:
        raise ToolError(str(error)) from error
