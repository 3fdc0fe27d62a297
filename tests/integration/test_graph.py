"""Concepts and relations in the running system."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from human_memory.bus.bus import Request
from schemas.errors import NotFound
from schemas.queries import ConceptQuery, GraphExport, Spread
from services.projection.app import drop_read_side
from services.retrieval.adapters.graph_snapshots import FileSnapshots
from tests import builders
from tests.engines import Engines
from tests.integration.agent import PATIENCE_SECONDS, Agent
from tests.integration.services_fixture import (
    System,
    assert_redis_is_the_fold_of_the_log,
    folded,
    system_on,
)

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]
SPOKES = 10_000
AT_ONCE = 500
NAMESPACE = "acme/graph"
README = [("Python", 0.9), ("AI", 0.8), ("FastAPI", 0.8), ("Web Development", 0.8)]
RELATIONS = [
    ("Python", "USED_FOR", "AI", 0.9),
    ("FastAPI", "WORKS_WITH", "Python", 0.95),
    ("FastAPI", "USED_FOR", "Web Development", 0.85),
]
REACHED = {"FastAPI": 0.95, "AI": 0.9, "Web Development": 0.8075}


async def write(agent: Agent, command: Any) -> None:
    """Send a command; reads show it when this returns."""
    reply = await agent.bus.request(command, timeout_seconds=PATIENCE_SECONDS, visible=True)
    reply.unwrap()


async def draw_readme(agent: Agent) -> None:
    """The published example's graph."""
    for name, level in README:
        await write(agent, builders.concept(name, namespace=agent.namespace, activation=level))
    for source, kind, target, weight in RELATIONS:
        await relate(agent, source, kind, target, weight=weight)


async def relate(agent: Agent, source: str, kind: str, target: str, *, weight: float) -> None:
    fields = {"relation_type": kind, "weight": weight, "namespace": agent.namespace}
    await write(agent, builders.relation(source, target, **fields))


async def spread(agent: Agent, *names: str, **fields: Any) -> dict[str, float]:
    """Path weights by name, without any position: what is visible is visible."""
    query = Spread(namespace=agent.namespace, active_concepts=list(names), **fields)
    result = await agent.bus.ask(query, timeout_seconds=PATIENCE_SECONDS)
    return {row["name"]: row["path_weight"] for row in result["results"]}


async def ask_concept(agent: Agent, name: str) -> dict[str, Any]:
    query = ConceptQuery(namespace=agent.namespace, name=name)
    return await agent.bus.ask(query, timeout_seconds=PATIENCE_SECONDS)


@asynccontextmanager
async def running(system: System) -> AsyncIterator[Agent]:
    """Retrieval, started and stopped again, and a client of a namespace in it."""
    started = system.start("retrieval")
    await started.ready()
    async with system.bus() as bus:
        yield Agent(bus, NAMESPACE)
    await started.stop()


def change_weight(file: Path, name: str, weight: float) -> None:
    """Rewrite a snapshot, all relations to a concept with another weight."""
    saved = orjson.loads(file.read_bytes().partition(b"\n")[2])
    saved["relations"] = [
        [source, kind, target, weight if target == name else before]
        for source, kind, target, before in saved["relations"]
    ]
    payload = orjson.dumps(saved)
    file.write_bytes(hashlib.sha256(payload).hexdigest().encode() + b"\n" + payload)


@pytest.fixture(scope="module")
async def own(stack: Engines, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[System]:
    """A system with snapshots, whose retrieval may be stopped."""
    folder = tmp_path_factory.mktemp("graphs")
    system = system_on(stack.kafka, stack.redis, folder)
    system.environment["HUMAN_MEMORY_GRAPH_SNAPSHOTS"] = str(folder / "snapshots")
    async with system:
        yield system


async def test_published_example_has_its_numbers(agent: Agent) -> None:
    await draw_readme(agent)

    for depth in (2, 3, 4):
        assert list((await spread(agent, "Python", depth=depth)).items()) == list(REACHED.items())
    python = await ask_concept(agent, "Python")
    assert (python["activation"], python["total"]) == (0.9, 2)
    assert [edge["direction"] for edge in python["relationships"]] == ["in", "out"]
    graph = await agent.bus.ask(GraphExport(namespace=agent.namespace))
    assert [node["name"] for node in graph["nodes"]][:2] == ["Python", "FastAPI"]
    assert len(graph["edges"]) == 3


async def test_what_is_overwritten_is_seen_at_once_by_the_kept_graph(agent: Agent) -> None:
    await draw_readme(agent)
    seen = []

    for weight in (0.1, 0.5, 1.0):
        await relate(agent, "Python", "USED_FOR", "AI", weight=weight)
        seen.append((await spread(agent, "Python"))["AI"])

    assert seen == [0.1, 0.5, 1.0]


async def test_relation_to_an_unknown_concept_changes_nothing(agent: Agent, system: System) -> None:
    await write(agent, builders.concept("tea", namespace=agent.namespace))

    await relate(agent, "tea", "SERVED_IN", "cup", weight=1.0)

    assert (await ask_concept(agent, "tea"))["relationships"] == []
    with pytest.raises(NotFound, match="cup"):
        await ask_concept(agent, "cup")
    await assert_redis_is_the_fold_of_the_log(system)


@pytest.mark.slow
async def test_hub_with_ten_thousand_neighbours_reaches_the_nearest_of_them_each_time(
    agent: Agent, system: System
) -> None:
    names = [f"spoke {number:05}" for number in range(SPOKES)]
    fields = {"namespace": agent.namespace}
    commands: list[Request] = [builders.concept(name, **fields) for name in ("hub", *names)]
    commands += [
        builders.relation("hub", name, weight=number / SPOKES, **fields)
        for number, name in enumerate(names)
    ]
    for start in range(0, len(commands), AT_ONCE):
        some = commands[start : start + AT_ONCE]
        await asyncio.gather(*(agent.bus.publish(command) for command in some))
    await relate(agent, "hub", "NEAR", names[-1], weight=1.0)
    await folded(system)

    first = await spread(agent, "hub", depth=4, limit=3)
    second = await spread(agent, "hub", depth=4, limit=3)

    assert first == second == {names[-1]: 1.0, names[-2]: 0.9998, names[-3]: 0.9997}


async def test_restart_begins_with_the_snapshot_and_a_lost_one_changes_nothing(
    own: System,
) -> None:
    await own.start("ingest", "projection").ready()
    async with running(own) as agent:
        await draw_readme(agent)
        assert await spread(agent, "Python") == REACHED
    snapshots = FileSnapshots(own.folder / "snapshots", own.prefix)
    file = snapshots.file(NAMESPACE)
    assert file is not None
    # Nobody changes a snapshot; that the answer shows it proves where it came from.
    change_weight(file, "AI", 0.25)

    async with running(own) as agent:
        assert await spread(agent, "Python") == REACHED | {"AI": 0.25}
    file.unlink()
    async with running(own) as agent:
        assert await spread(agent, "Python") == REACHED

    # All of Redis lost, and the snapshot with it.
    file.unlink()
    await drop_read_side(own.settings)
    async with running(own) as agent:
        await folded(own)
        assert await spread(agent, "Python") == REACHED
    await assert_redis_is_the_fold_of_the_log(own)
