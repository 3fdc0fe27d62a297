"""`python -m bench.year`: live a year on a virtual clock, and report what became of it."""

import asyncio
import json
import math
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import structlog
import typer

from bench.year.life import DAY_MS, DAYS, HOUR_MS, Episode, episodes
from bench.year.plots import draw
from bench.year.searching import candidates_of, columns_of
from human_memory.conversation import read
from schemas.ids import derive
from schemas.inbox import Access, Store
from schemas.queries import Search
from services.common.embedding.embedder import embedder_of
from services.common.settings import EmbedderSettings
from services.maintenance.decisions import levels_of, slot_of
from services.retrieval.search.column_cache import ColumnCache
from services.retrieval.search.plan import plan_of
from services.retrieval.search.ranking import rank
from tests.fakes.maintenance_side import FoldedReadSide
from tests.fakes.world import World

START_MS = round(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1000)
SEED = 7
DECAY_MS, CONSOLIDATION_MS = HOUR_MS // 2, 6 * HOUR_MS
MONTH_DAYS = 30
FOLLOWED = 5
QUESTIONS = (
    "What does Ann drink?",
    "When is the tram late?",
    "How do I make a release?",
    "How is bread baked?",
    "What does Noemi do with her kite?",
)
DATA = Path(__file__).parents[2] / "examples" / "conversation.json"


@dataclass
class Diary:
    """Notes that are taken on the way."""

    months: list[dict[str, Any]] = field(default_factory=list)
    curves: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    uses: dict[str, list[float]] = field(default_factory=dict)
    runs: Counter[str] = field(default_factory=Counter)
    totals: Counter[str] = field(default_factory=Counter)


async def live(world: World, lived: list[Episode], diary: Diary) -> None:
    """Go from one half hour to the next: what happens, what is used, what the clock does."""
    rest = list(reversed(lived))
    followed: dict[str, UUID] = {}
    for slot in range(START_MS + DECAY_MS, START_MS + DAYS * DAY_MS + 1, DECAY_MS):
        while rest and rest[-1].at_ms < slot:
            episode = rest.pop()
            world.now_ms = episode.at_ms
            memory = await _store(world, episode)
            if len(followed) < FOLLOWED and episode.kind not in {
                name.partition(":")[0] for name in followed
            }:
                name = f"{episode.kind}: {episode.text[:40]}"
                followed[name] = memory
                diary.curves[name], diary.uses[name] = [], []
        world.now_ms = slot
        day = (slot - START_MS) / DAY_MS
        for number, (name, memory) in enumerate(followed.items()):
            # The first is never used again, the others every 5, 10, ... days.
            if number and day % (5 * number) == 0:
                await _use(world, memory)
                diary.uses[name].append(day)
        await _by_the_clock(world, slot, diary)
        if day % 1 == 0:
            await _measure(world, followed, day, diary)
        if day % MONTH_DAYS == 0:
            diary.months.append(await _month(world, round(day)))


async def _store(world: World, episode: Episode) -> UUID:
    fields = {"content": episode.text, "session": episode.session, "speaker": episode.speaker}
    return (await world.tell(Store.model_validate({"namespace": world.namespace} | fields)))[0]


async def _use(world: World, memory: UUID) -> None:
    await world.tell(Access(namespace=world.namespace, memory_ids=[memory], kind="used"))


async def _by_the_clock(world: World, slot: int, diary: Diary) -> None:
    if min(world.due[world.namespace].values(), default=math.inf) <= slot:
        diary.runs["decay"] += 1
        report = (await world.run("decay")).report
        diary.totals["decayed"] += int(str(report["memories_decayed"]))
    if slot_of(slot, CONSOLIDATION_MS) == slot and _changed_since_consolidation(world):
        diary.runs["consolidation"] += 1
        report = (await world.run("consolidation")).report
        for name in ("episodes_replayed", "facts_extracted", "memories_pruned", "phase_4_compiled"):
            diary.totals[name] += int(str(report[name]))


def _changed_since_consolidation(world: World) -> bool:
    downscalings = world.in_force(world.namespace).downscalings
    last_ms = max((began for began, _, _ in downscalings), default=0)
    return world.used_ms[world.namespace] > last_ms


async def _measure(world: World, followed: dict[str, UUID], day: float, diary: Diary) -> None:
    for name, memory in followed.items():
        page = await FoldedReadSide(world).page(world.namespace, [str(memory)])
        parameters = world.in_force(world.namespace)
        level = float(levels_of(page.memories, world.now_ms, parameters)[0])
        diary.curves[name].append((day, level))


async def _month(world: World, day: int) -> dict[str, Any]:
    kinds: Counter[str] = Counter()
    for memory in world.memories(world.namespace).values():
        assert memory.document is not None
        kinds[f"{memory.document['type'].decode()} {memory.state.status}"] += 1
    columns = columns_of(world)
    found = {question: await _found(world, columns, question) for question in QUESTIONS}
    return {"day": day, "kinds": dict(kinds), "found": found}


async def _found(world: World, columns: ColumnCache, question: str) -> dict[str, str]:
    """The memory that a search ranks first; the search leaves no trace."""
    (vector,) = await world.embedder.embed([question], query=True)
    query = Search(namespace=world.namespace, query=question, top_k=1, record_access=False)
    plan = plan_of(query, derive("asked", question, world.now_ms), vector, world.now_ms)
    ranking = rank(candidates_of(world, columns, plan), plan)
    if not ranking.order:
        return {"type": "", "content": "nothing"}
    first = ranking.memories.ids[ranking.order[0]]
    document = world.memories(world.namespace)[first].document or {}
    return {"type": document["type"].decode(), "content": document["content"].decode()[:160]}


def main(
    out: Annotated[Path, typer.Option(help="Folder for report and plots.")] = Path("docs/year"),
    noise: Annotated[int, typer.Option(help="Episodes a day that mean nothing.")] = 8,
) -> None:
    """Live a year and report it."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    dialogue = read(DATA).dialogues[0]
    lived = episodes(dialogue, start_ms=START_MS, seed=SEED, noise_a_day=noise)
    world, diary = World(embedder_of(EmbedderSettings()), START_MS), Diary()
    began = time.perf_counter()
    asyncio.run(live(world, lived, diary))
    report = {
        "episodes": dict(Counter(each.kind for each in lived)),
        "events": len(world.events),
        "runs": dict(diary.runs),
        "totals": dict(diary.totals),
        "months": diary.months,
        "seconds": round(time.perf_counter() - began),
    }
    out.mkdir(parents=True, exist_ok=True)
    (out / "report.json").write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    draw(report, diary.curves, diary.uses, out)
    print(json.dumps({name: report[name] for name in ("episodes", "runs", "totals", "seconds")}))


if __name__ == "__main__":
    typer.run(main)
