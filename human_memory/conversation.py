"""Conversation files: dialogues with their turns and questions, and how they become memories."""

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from human_memory.bus.bus import Bus
from schemas.errors import Rejected
from schemas.fields import LocalMilliseconds, Namespace
from schemas.inbox import Store
from schemas.replies import Reply

IN_FLIGHT_MAX = 64
# A whole conversation may wait in the inbox while the model works.
TIMEOUT_SECONDS = 300.0


class Turn(BaseModel):
    """One turn: what a speaker said at one moment."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    id: str
    speaker: str
    session: int | str
    time: LocalMilliseconds
    text: str


class Question(BaseModel):
    """A question whose answer is in the turns `evidence`."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    id: str
    category: str = ""
    question: str
    evidence: list[str] = []


class Dialogue(BaseModel):
    """One conversation, which becomes one namespace."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    id: str
    turns: list[Turn] = Field(min_length=1)
    questions: list[Question] = []

    @property
    def ends_ms(self) -> int:
        """The time of its last turn."""
        return max(turn.time for turn in self.turns)

    def key(self, turn_id: str) -> str:
        """The idempotency key of a turn, from which its memory's id follows."""
        return f"{self.id}/{turn_id}"

    def stores(self, namespace: Namespace) -> list[Store]:
        """The turns as commands. Their keys make a second import change nothing."""
        return [
            Store(
                namespace=namespace,
                content=turn.text,
                speaker=turn.speaker,
                session=str(turn.session),
                occurred_at=turn.time,
                idempotency_key=self.key(turn.id),
            )
            for turn in self.turns
        ]


class Conversation(BaseModel):
    """A file of dialogues."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    dialogues: list[Dialogue] = Field(min_length=1)


def read(path: Path) -> Conversation:
    """Read a conversation file.

    Raises:
        OSError: it can't be read.
        Rejected: it is not of that form.
    """
    try:
        return Conversation.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        raise Rejected(
            f"{path}: not a conversation file: {'.'.join(map(str, first['loc']))}: {first['msg']}; "
            "see examples/conversation.json for the form"
        ) from None


async def publish(
    bus: Bus, stores: Iterable[Store], *, stored: Callable[[], None] = lambda: None
) -> list[Reply]:
    """Store all, many at a time, in their order within a namespace; the replies in that order.

    Raises:
        MemoryServiceError: one was refused, or had no reply. The others go on to be stored.
    """
    free = asyncio.Semaphore(IN_FLIGHT_MAX)

    async def store(message: Store) -> Reply:
        async with free:
            reply = await bus.request(message, timeout_seconds=TIMEOUT_SECONDS)
        reply.unwrap()
        stored()
        return reply

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(store(message)) for message in stores]
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [task.result() for task in tasks]


def last_position(replies: Iterable[Reply]) -> str:
    """The position that covers all `replies` of one namespace."""
    positions = [reply.position for reply in replies if reply.position is not None]
    return max(positions, key=lambda position: int(position.partition(":")[2]))
