"""The whole path once: store, ask, strengthen, lose everything, replay.

`python -m examples.demo --data FILE` starts Kafka, Redis and the services in a folder of its own,
publishes the file's conversation, and leaves nothing behind.
"""

import asyncio
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from itertools import zip_longest
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from human_memory import conversation
from human_memory.bus import Bus
from human_memory.bus.settings import KafkaSettings
from human_memory.cli.output import progress_bar
from human_memory.cli.rendering import when
from human_memory.cli.replaying import lose_and_rebuild, projection_app
from human_memory.conversation import Dialogue, Question
from human_memory.local.instance import Instance
from human_memory.local.supervisor import Plan, require_linux, supervised
from schemas.errors import MemoryServiceError
from schemas.fields import rfc3339
from schemas.ids import cause_of_key
from schemas.inbox import SetParameters
from schemas.parameters import Parameters
from schemas.queries import Inspect, Recall, Search, Stats
from stack.errors import StackError

CONVERSATION = Path(__file__).with_name("conversation.json")
QUESTIONS_SHOWN = 6
ANSWERS_SHOWN = 3
RECALLS = 4
_DAY_MS = 86_400_000
# What an adversarial question asks for was never said.
_NO_ANSWER = "adversarial"

console = Console(highlight=False)


@dataclass(frozen=True)
class Asked:
    """A question, and when and in whose memory it is asked."""

    dialogue: Dialogue
    question: Question

    @property
    def namespace(self) -> str:
        """Each dialogue is one agent's memory."""
        return namespace_of(self.dialogue)

    def query(self) -> Search:
        """Asked a day after the last turn, as if it were then; looking changes nothing."""
        return Search(
            namespace=self.namespace,
            query=self.question.question,
            top_k=ANSWERS_SHOWN,
            as_of=self.dialogue.ends_ms + _DAY_MS,
            record_access=False,
        )

    def evidence(self) -> set[str]:
        """Ids of the memories that hold the answer."""
        keys = [self.dialogue.key(turn_id) for turn_id in self.question.evidence]
        return {str(cause_of_key(self.namespace, key)) for key in keys}


def demo(
    data: Annotated[Path, typer.Option(help="A conversation file.", exists=True)] = CONVERSATION,
) -> None:
    """Store a conversation, ask, strengthen a memory, lose the read side, replay the log."""
    began = time.monotonic()
    try:
        require_linux()
        dialogues = conversation.read(data).dialogues
        with running_system() as instance:
            same = asyncio.run(tell(instance, dialogues))
    except (MemoryServiceError, StackError) as error:
        typer.echo(f"demo: {error}", err=True)
        raise typer.Exit(1) from None
    if not same:
        console.print("[red]the rebuilt memory is not what it was before")
        raise typer.Exit(1)
    console.print(f"\n[bold green]done[/] in {time.monotonic() - began:.0f} s, all stopped")


async def tell(instance: Instance, dialogues: list[Dialogue]) -> bool:
    """The story; whether every digest was as before."""
    kafka = KafkaSettings(kafka=instance.kafka, topic_prefix="", partitions=instance.partitions)
    services = import_module("services.projection.settings")
    settings = services.ProjectionSettings(
        kafka=instance.kafka, redis=instance.redis, topic_prefix="", partitions=instance.partitions
    )
    questions = chosen(dialogues)
    async with Bus(kafka, client_id="human-memory-demo") as bus:
        await publish(bus, dialogues)
        await ask(bus, questions)
        if questions:
            await strengthen(bus, questions[0])
        return await lose_everything(settings) and await replay_beside(settings)


async def publish(bus: Bus, dialogues: list[Dialogue]) -> None:
    """Every turn becomes a memory with its own time, speaker and session."""
    headline("2. Publish the conversation to the bus")
    for dialogue in dialogues:
        # Else what the clock does to a memory might come between two digests.
        still = Parameters(decay_scheduled=0, consolidation_scheduled=0)
        await bus.request(SetParameters(namespace=namespace_of(dialogue), parameters=still))
        began = time.monotonic()
        position = await stored(bus, dialogue)
        # The reply means that it is safe. This waits until searches see it, too.
        await bus.ask(Stats(namespace=namespace_of(dialogue), after=position))
        seconds = time.monotonic() - began
        sessions = len({turn.session for turn in dialogue.turns})
        console.print(
            f"{namespace_of(dialogue)}: {len(dialogue.turns)} memories of {sessions} sessions, "
            f"{day(dialogue.turns[0].time)} to {day(dialogue.ends_ms)}, in {seconds:.1f} s"
        )


async def stored(bus: Bus, dialogue: Dialogue) -> str:
    """The position that covers all of a dialogue."""
    stores = dialogue.stores(namespace_of(dialogue))
    with progress_bar() as progress:
        bar = progress.add_task("storing", total=len(stores))
        replies = await conversation.publish(bus, stores, stored=lambda: progress.advance(bar))
    return conversation.last_position(replies)


async def ask(bus: Bus, questions: list[Asked]) -> None:
    """The best memories for each question, with what ranked them."""
    headline("3. Ask by request and reply")
    console.print(
        "Asked as of a day after the last turn. act.: activation; sim.: similarity; count: "
        "presentations so far. ● marks what holds the answer."
    )
    for asked in questions:
        result = await bus.ask(asked.query())
        rows = answers(asked, result["results"])
        rows.title = Text(f"\n{asked.question.question}", style="bold")
        console.print(rows)


def answers(asked: Asked, found: list[dict[str, Any]]) -> Table:
    """A ranked table."""
    rows = Table(title_justify="left", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    rows.add_column(width=1)
    for numbers, width in (("act.", 6), ("sim.", 5), ("last access", 11), ("count", 5)):
        rows.add_column(numbers, justify="right", no_wrap=True, width=width)
    rows.add_column("memory", ratio=1)
    evidence = asked.evidence()
    for memory in found:
        rows.add_row(
            "●" if memory["memory_id"] in evidence else "",
            f"{memory['activation']:.2f}",
            f"{memory['similarity']:.2f}",
            memory["last_accessed"][:10],
            str(memory["access_count"]),
            Text(f"{memory['speaker']}: {memory['content']}"),
        )
    return rows


async def strengthen(bus: Bus, asked: Asked) -> None:
    """Recall one memory several times, and see what that does."""
    headline("4. A memory gets stronger by being recalled")
    found = (await bus.ask(asked.query()))["results"]
    if not found:
        console.print("nothing was found to recall")
        return
    evidence = asked.evidence()
    best = next((memory for memory in found if memory["memory_id"] in evidence), found[0])
    console.print(f"“{best['content']}”", markup=False)
    console.print(
        "Its history is all there is to its base-level activation: B = ln Σ age^-d. What was said "
        "months ago and never used is weak today; each recall adds a fresh trace to the sum."
    )
    console.print(await recalled(bus, asked.namespace, UUID(best["memory_id"])))


async def recalled(bus: Bus, namespace: str, memory_id: UUID) -> Table:
    """The rows of inspect before and after each of several recalls."""
    rows = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    rows.add_column("now")
    for column in ("activation", "count", "last access"):
        rows.add_column(column, justify="right")
    position = None
    for number in range(RECALLS + 1):
        if number:
            recall = Recall(namespace=namespace, memory_id=memory_id)
            position = (await bus.request(recall)).position
        seen = await bus.ask(Inspect(namespace=namespace, memory_id=memory_id, after=position))
        rows.add_row(
            f"after recall {number}" if number else "before",
            f"{seen['activation']:.3f}",
            str(seen["access_count"]),
            when(seen["last_accessed"]),
        )
    return rows


async def lose_everything(settings: Any) -> bool:
    """Delete the read side; the live fold notices, and replays the log."""
    headline("5. Lose the whole read side")
    with progress_bar() as progress:
        result = await lose_and_rebuild(settings, progress)
    console.print(
        f"deleted all {result['keys_deleted']} keys in Redis; they were back after "
        f"{result['seconds']:.1f} s, without anyone's help"
    )
    return compared(result["digest_before"], result["digest_after"])


async def replay_beside(settings: Any) -> bool:
    """Do what `human-memory replay` does: build beside the live one, compare, switch."""
    headline("6. Replay the log beside the live read side, compare, switch")
    with progress_bar() as progress:
        report = await projection_app().rebuild(settings, progress=bar_of(progress))
    console.print(
        f"{report.events} events into build {report.version} in {report.seconds:.1f} s; "
        f"build {report.version_before} is gone"
    )
    return compared(report.digest, await projection_app().live_digest(settings))


def bar_of(progress: Progress) -> Any:
    """A callback that shows (done, total)."""
    bar = progress.add_task("replaying", total=None)
    return lambda done, total: progress.update(bar, completed=done, total=total)


def compared(before: str, after: str) -> bool:
    """Print both digests and whether they are equal."""
    console.print(f"digest before {before}\ndigest after  {after}")
    console.print("[green]the same" if before == after else "[red]different")
    return before == after


def chosen(dialogues: list[Dialogue]) -> list[Asked]:
    """A few questions of every dialogue, one of each category after the other."""
    found: list[Asked] = []
    each_max = -(-QUESTIONS_SHOWN // len(dialogues))
    for dialogue in dialogues:
        by_category: dict[str, list[Asked]] = {}
        for question in dialogue.questions:
            if question.category != _NO_ANSWER:
                asked = Asked(dialogue, question)
                by_category.setdefault(question.category, []).append(asked)
        in_turn = [a for some in zip_longest(*by_category.values()) for a in some if a]
        found += in_turn[:each_max]
    return found[:QUESTIONS_SHOWN]


@contextmanager
def running_system() -> Iterator[Instance]:
    """Everything, in a folder of its own; at the end all is stopped and the folder removed."""
    headline("1. Start Kafka, Redis and the services")
    folder = Path(tempfile.mkdtemp(prefix="human-memory-demo-"))
    plan = Plan(folder, KafkaSettings(topic_prefix=""))
    status = console.status("starting")
    try:
        with status, supervised(plan, say=console.print, doing=status.update) as instance:
            status.stop()
            yield instance
            headline("7. Stop")
    except BaseException:
        console.print(f"logs are kept in {folder / 'logs'}", soft_wrap=True)
        raise
    shutil.rmtree(folder)


def namespace_of(dialogue: Dialogue) -> str:
    """Of the demo, one per dialogue."""
    return f"demo/{dialogue.id}"


def day(time_ms: int) -> str:
    """The date of a moment."""
    return rfc3339(time_ms)[:10]


def headline(text: str) -> None:
    """Begins a part of the story."""
    console.print()
    console.rule(Text(text, style="bold"), align="left")


if __name__ == "__main__":
    typer.run(demo)
