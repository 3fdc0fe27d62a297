"""A batch of the inbox: validate, embed, append, reply."""

import collections
from dataclasses import dataclass
from itertools import islice
from typing import Annotated, Any
from uuid import UUID

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from prometheus_client import Counter

from human_memory.deadline import Deadline
from schemas.codec import decode_inbox
from schemas.errors import Indigestible, MemoryServiceError, Rejected, Unavailable
from schemas.events import MemoryEvent
from schemas.inbox import Concept, DeleteNamespace, InboxMessage, Store
from schemas.replies import AcceptedResult, Reply, StoreResult, error_reply
from services.common.computing import computing
from services.common.dead_letters import DeadLetters
from services.common.embedding.embedder import Embedder
from services.common.envelope import Replier, ReplyAddress
from services.common.ownership import Ownership
from services.common.records import JsonOf, Records
from services.ingest.domain import (
    Received,
    body_hash_of,
    cause_of,
    event_id_of,
    event_of,
    is_bound_to_its_key,
    occurred_ms,
)
from services.ingest.ports import Appended, EventLog, Memories, Vocabularies, appended_of
from services.ingest.progress import Progress, partition_of
from services.ingest.texts import Texts
from services.ingest.visible import VisibleReplies

log = structlog.get_logger(__name__)
COMMANDS = Counter("human_memory_commands_total", "Inbox commands", ["type", "outcome"])
FRESH_ACTIVATION = 1.0
APPENDED_MAX = 100_000
OTHER_BODY = (
    "idempotency_key: was used before for the same command with another body; the first one "
    "counts: send this one with a key of its own"
)


@dataclass(slots=True)
class Item:
    """One record on its way through. Either `error` is set, or `command` and `time_ms` are."""

    record: Any
    reply_to: ReplyAddress | None = None
    command: InboxMessage | None = None
    received: Received | None = None
    time_ms: int = 0
    error: MemoryServiceError | None = None
    event_id: UUID | None = None
    position: str | None = None
    strengthened: UUID | None = None
    visible_by: Deadline | None = None  # set: the reply waits until reads show the write

    @property
    def partition(self) -> TopicPartition:
        return partition_of(self.record)

    @property
    def outcome(self) -> tuple[str, str]:
        """Labels of the metric."""
        kind = self.command.type if self.command else "unreadable"
        return kind, "rejected" if self.error else "appended"


class Ingest:
    """Turns inbox records into events, each once: also when it is killed and begins again.

    A record that brings out a bug of ours is a dead letter, as one that breaks the contract is.

    Kafka repeats what was not committed, and clients what they got no reply to. Event ids come
    from the records and keys, so a repeat is a duplicate that the fold would drop, however late.
    Beyond that, ingest remembers what it has appended lately, looks up what others have after
    taking over a partition, and appends only what is not in the log already.
    """

    def __init__(
        self,
        *,
        event_log: EventLog,
        embedder: Embedder,
        memories: Memories,
        vocabularies: Vocabularies,
        dead_letters: DeadLetters,
        replier: Replier,
        visible: VisibleReplies,
        future_skew_seconds: float,
    ) -> None:
        self.ownership = Ownership(self._assigned, self._revoked)
        self._progress = Progress(self.ownership)
        self._log = event_log
        self._texts = Texts(embedder, memories, vocabularies)
        self._vocabularies = vocabularies
        self._dead_letters = dead_letters
        self._replier = replier
        self._visible = visible
        self._future_skew_seconds = future_skew_seconds
        # Where events lie, by id: those that we have appended lately, and those that a predecessor,
        # or we before an error, may have. These are read with the first records of a partition.
        self._appended: dict[UUID, Appended] = {}
        self._found: dict[UUID, Appended] = {}
        self._looked_up: set[TopicPartition] = set()

    async def stop(self) -> None:
        """Commit what is done; what is not, a successor does."""
        async with self.ownership.lock:
            await self._progress.commit()
        await self._visible.drain()

    async def _assigned(self, _: list[TopicPartition]) -> None:
        self._progress.begin()
        self._texts.begin()
        self._found.clear()
        self._looked_up.clear()

    async def _revoked(self) -> None:
        await self._progress.commit()

    async def handle(self, records: Annotated[Records, JsonOf(InboxMessage)]) -> None:
        """Process one batch wholly, however long Kafka is away, unless its partitions move."""
        async with self.ownership.batch():
            attempt = 0
            while True:
                try:
                    mine = await self._progress.left_of(records)
                    if not mine:
                        return
                    await self._process(mine)
                except Exception as error:  # passing over it would lose the batch
                    bug = not isinstance(error, Unavailable | KafkaError)
                    log.warning("ingest waits", error=str(error), attempt=attempt, exc_info=bug)
                    self._looked_up.clear()
                    self._found.clear()
                    if not await self.ownership.backoff(attempt):
                        return
                    attempt += 1

    async def _process(self, records: list[Any]) -> None:
        items = [self._item(record) for record in records]
        await self._append([item for item in items if item.error is None])
        for item in items:
            if item.error is not None:
                if isinstance(item.error, Indigestible):
                    at = {"partition": item.record.partition, "offset": item.record.offset}
                    log.error("command passed", reason=item.error.message, **at)
                await self._dead_letters.send(item.record, item.error)
        self._progress.done(records)
        outcomes = collections.Counter(item.outcome for item in items)
        for labels, times in outcomes.items():
            COMMANDS.labels(*labels).inc(times)
        at_once = []
        for item in items:
            if item.reply_to is not None and item.error is None and item.visible_by is not None:
                self._visible.send(item.reply_to, _reply(item), item.visible_by)
            elif item.reply_to is not None:
                at_once.append((item.reply_to, _reply(item)))
        await self._replier.send(at_once)

    def _item(self, record: Any) -> Item:
        item = Item(record)
        try:
            envelope = self._replier.envelope(record)
            item.reply_to = envelope.reply_to
            item.visible_by = self._visible.deadline(envelope)
            item.received = Received(
                record.topic,
                record.partition,
                record.offset,
                record.timestamp,
                replayed_from=envelope.replayed_from,
            )
            with computing():
                item.command = decode_inbox(record.value)
                if isinstance(item.command, DeleteNamespace):
                    item.command.require_confirmed()
                item.time_ms = occurred_ms(
                    item.command,
                    item.received,
                    future_skew_seconds=self._future_skew_seconds,
                )
        except (Rejected, Indigestible) as error:
            item.error = error
        return item

    async def _append(self, items: list[Item]) -> None:
        await self._look_up(items)
        new: dict[UUID, Item] = {}
        for item in items:
            assert item.command is not None
            assert item.received is not None
            item.event_id = event_id_of(item.command, item.received)
            if item.event_id not in self._found and item.event_id not in self._appended:
                new.setdefault(item.event_id, item)
        events = await self._events(list(new.values()))
        for item in items:
            if item.event_id in new:  # a repeat in this batch fares as the first
                item.error = new[item.event_id].error
        items = [item for item in items if item.error is None]
        new = {event_id: item for event_id, item in new.items() if item.error is None}
        positions = await self._log.append(events)
        for event, position in zip(events, positions, strict=True):
            self._appended[event.id] = appended_of(event, position)
        for item, position in zip(new.values(), positions, strict=True):
            if isinstance(item.command, Concept):
                offset = int(position.split(":")[1])
                concept, aliases = item.command.name, tuple(item.command.aliases)
                self._vocabularies.learn(item.command.namespace, concept, aliases, offset)
        for item in items:
            assert item.event_id is not None
            appended = self._found.get(item.event_id) or self._appended[item.event_id]
            if new.get(item.event_id) is not item and _is_another_body(item.command, appended):
                item.error = Rejected(OTHER_BODY)
            else:
                item.position, item.strengthened = appended.position, appended.accessed
        for oldest in list(islice(self._appended, max(0, len(self._appended) - APPENDED_MAX))):
            del self._appended[oldest]

    async def _look_up(self, items: list[Item]) -> None:
        unknown = [item for item in items if item.partition not in self._looked_up]
        if unknown:
            since = min(item.record.timestamp for item in unknown)
            self._found |= await self._log.appended_since(since)
            self._looked_up |= {item.partition for item in unknown}

    async def _events(self, items: list[Item]) -> list[MemoryEvent]:
        texts = await self._texts.of(
            [(item.command, item.time_ms) for item in items if item.command is not None]
        )
        events = []
        for item in items:
            assert item.command is not None
            assert item.received is not None
            try:
                with computing():
                    worked_out = texts.worked_out(item.command, item.received, item.time_ms)
                    events.append(event_of(item.command, item.received, item.time_ms, worked_out))
            except Indigestible as error:
                item.error = error
        return events


def _is_another_body(command: InboxMessage | None, appended: Appended) -> bool:
    """True where its key was used before for something else."""
    if command is None or not is_bound_to_its_key(command):
        return False
    return appended.body_hash not in (None, body_hash_of(command))


def _reply(item: Item) -> Reply:
    if item.error is not None:
        return error_reply(item.error)
    assert item.command is not None
    assert item.received is not None
    result: StoreResult | AcceptedResult
    if isinstance(item.command, Store):
        told = item.command.occurred_at  # with the offset there
        result = StoreResult(
            memory_id=item.strengthened or cause_of(item.command, item.received),
            activation=FRESH_ACTIVATION,
            created_at=item.time_ms if told is None or item.strengthened else told,
            strengthened=True if item.strengthened else None,
        )
    else:
        assert item.event_id is not None
        result = AcceptedResult(event_id=item.event_id)
    return Reply(result=result.model_dump(mode="json", exclude_none=True), position=item.position)
