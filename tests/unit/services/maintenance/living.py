"""A world to run jobs in, and what tests ask of it."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import numpy as np

from schemas.events import MemoryEvent, MemoryStored
from schemas.inbox import Access, Store
from schemas.replies import RunResult
from services.maintenance.decisions import levels_of
from services.projection.digest import namespace_digest, rows_of_view
from services.readside.layout import TRACE, kind_of, pack_record
from tests.fakes.maintenance_side import FoldedReadSide
from tests.fakes.word_embedder import WordEmbedder
from tests.fakes.world import World

START_MS = 1_750_000_000_000
HOUR_MS, DAY_MS = 3_600_000, 86_400_000


def world() -> World:
    """An empty world with words for meanings."""
    return World(WordEmbedder(), START_MS)


async def store(own: World, content: str, **fields: Any) -> UUID:
    """The id of a new memory."""
    command = Store.model_validate({"namespace": own.namespace, "content": content} | fields)
    return (await own.tell(command))[0]


async def use(own: World, *memories: UUID, kind: str = "used") -> None:
    """Memories are used now."""
    fields = {"namespace": own.namespace, "memory_ids": list(memories), "kind": kind}
    await own.tell(Access.model_validate(fields))


def status(own: World, memory: UUID) -> str:
    """The status of a memory."""
    return own.view.memories[own.namespace, memory].state.status


def bias(own: World, memory: UUID) -> float:
    """The penalties of a memory."""
    return own.view.memories[own.namespace, memory].state.bias


def rehearsals(own: World, memory: UUID) -> int:
    """How often a memory was rehearsed."""
    traces = np.frombuffer(own.view.memories[own.namespace, memory].parts.traces, TRACE)
    return sum(kind_of(int(each)) == "rehearsal" for each in traces["id"])


def contents(own: World, memory_type: str) -> list[str]:
    """What the active memories of a type say."""
    return [
        memory.document["content"].decode()
        for memory in own.memories(own.namespace).values()
        if memory.document is not None
        and memory.document["type"].decode() == memory_type
        and memory.state.status == "active"
    ]


def count(result: RunResult, name: str) -> int:
    """A number of a report."""
    number = result.report[name]
    assert isinstance(number, int)
    return number


async def level(own: World, memory: UUID) -> float:
    """B + bias of a memory, now."""
    page = await FoldedReadSide(own).page(own.namespace, [str(memory)])
    parameters = own.view.namespace(own.namespace).parameters
    return float(levels_of(page.memories, own.now_ms, parameters)[0])


async def episodes(own: World, **fields: Any) -> list[UUID]:
    """Five that say the same in five sessions, and two that say something else."""
    said = [
        await store(own, f"Ann drinks green tea {when}", session=f"s{n}", **fields)
        for n, when in enumerate(("daily", "again", "today", "early", "late"))
    ]
    await store(own, "The bridge closed.")
    await store(own, "Kites need wind.")
    return said


def digest(own: World) -> bytes:
    """Of all memories that are there: without where the log stands, and without what is deleted."""
    gone = {name for name, m in own.memories(own.namespace).items() if m.state.status == "deleted"}
    rows = []
    own.view.touch(own.namespace)
    for name, value in rows_of_view(own.view, own.namespace):
        kind = name.partition(":")[0]
        memory = name.split(":")[1] if kind in ("document", "record", "contexts") else ""
        if kind in ("changed", "runs", "runs by offset") or memory in gone:
            continue
        if kind in ("vocabulary", "names", "parameters", "counts"):
            continue  # a name keeps the spelling that came first
        if kind in ("recent", "frequent"):
            assert isinstance(value, dict)
            value = {str(each): float(score) for each, score in value.items() if each not in gone}
        if kind == "graph":
            assert isinstance(value, dict)
            value = dict.fromkeys(value, 0.0)  # but not where in the log
        if kind == "record":
            held = own.memories(own.namespace)[memory]
            value = pack_record(replace(held.state, offset=0), held.parts)
        rows.append((name, value))
    return namespace_digest(rows)


def is_fact(event: MemoryEvent) -> bool:
    """Whether an event stored a fact."""
    return isinstance(event, MemoryStored) and event.data.memory_type == "semantic"


def in_force(own: World) -> Any:
    """The parameters in force."""
    return own.view.namespace(own.namespace).parameters
