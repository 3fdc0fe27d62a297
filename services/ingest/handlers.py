"""A batch of the inbox: validate, embed, append, commit, reply."""

import asyncio
from dataclasses import dataclass
from itertools import islice
from typing import Any
from uuid import UUID

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from prometheus_client import Counter

from schemas.codec import decode_inbox
from schemas.errors import Rejected, Unavailable
from schemas.events import MemoryEvent
from schemas.inbox import Concept, InboxMessage, Store
from schemas.replies import AcceptedResult, Reply, StoreResult, error_reply
from services.common.dead_letters import DeadLetters
from services.common.embedder import Embedder
from services.common.ownership import Ownership
from services.common.replies import Envelope, Replier, ReplyAddress
from services.ingest.domain import (
    Received,
    WorkedOut,
    cause_of,
    embedding_of,
    event_id_of,
    event_of,
    indexed_text,
    occurred_ms,
)
from services.ingest.ports import EventLog, Vocabularies

log = structlog.get_logger(__name__)
COMMANDS = Counter("human_memory_commands_total", "Inbox commands", ["type", "outcome"])
FRESH_ACTIVATION = 1.0
APPENDED_MAX = 100_000


@dataclass(slots=True)
class Item:
    """One record on its way through. Either `error` is set, or `command` and `time_ms` are."""

    record: Any
    reply_to: ReplyAddress | None = None
    command: InboxMessage | None = None
    received: Received | None = None
    time_ms: int = 0
    error: Rejected | None = None
    event_id: UUID | None = None
    position: str | None = None

    @property
    def partition(self) -> TopicPartition:
        return TopicPartition(self.record.topic, self.record.partition)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What the handler checks against."""

    future_skew_seconds: float
    replies_topic: str
    reply_partitions: int


class Ingest:
    """Turns inbox records into events, each once: also when it is killed and begins again.

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
        vocabularies: Vocabularies,
        dead_letters: DeadLetters,
        replier: Replier,
        limits: Limits,
    ) -> None:
        self.subscriber: Any = None  # FastStream's, which makes its consumer when it starts
        self.ownership = Ownership(self._assigned)
        self._log = event_log
        self._embedder = embedder
        self._vocabularies = vocabularies
        self._dead_letters = dead_letters
        self._replier = replier
        self._limits = limits
        self._next: dict[TopicPartition, int] = {}
        self._sought: dict[TopicPartition, int] = {}
        # Positions of events by id: what we have appended lately, and what a predecessor, or we
        # before an error, may have. That is looked up with the first records of a partition.
        self._appended: dict[UUID, str] = {}
        self._found: dict[UUID, str] = {}
        self._looked_up: set[TopicPartition] = set()

    async def _assigned(self, _: list[TopicPartition]) -> None:
        self._next.clear()
        self._found.clear()
        self._looked_up.clear()

    async def handle(self, records: tuple[Any, ...]) -> None:
        """Process one batch wholly, however long Kafka is away, unless its partitions move."""
        async with self.ownership.lock:
            attempt = 0
            while True:
                try:
                    mine = await self._mine(records)
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

    async def _mine(self, records: tuple[Any, ...]) -> list[Any]:
        """Those that are still ours and not done yet."""
        mine = []
        for record in records:
            tp = TopicPartition(record.topic, record.partition)
            if tp not in self.ownership.partitions:
                continue
            if tp not in self._next:
                self._next[tp] = await self.subscriber.consumer.committed(tp) or 0
            if record.offset >= self._next[tp]:
                mine.append(record)
        return self._without_gaps(mine)

    def _without_gaps(self, records: list[Any]) -> list[Any]:
        """Go back where records were skipped: aiokafka drops good ones beside a damaged one.

        The log of the inbox may have holes (its oldest records expire): what is missing a second
        time is not there.
        """
        firsts = {TopicPartition(r.topic, r.partition): r.offset for r in reversed(records)}
        skipped = {
            tp
            for tp, first in firsts.items()
            if first > self._next[tp] and self._sought.get(tp) != self._next[tp]
        }
        for tp in skipped:
            self._sought[tp] = self._next[tp]
            self.subscriber.consumer.seek(tp, self._next[tp])
        return [r for r in records if TopicPartition(r.topic, r.partition) not in skipped]

    async def _process(self, records: list[Any]) -> None:
        items = [self._item(record) for record in records]
        await self._append([item for item in items if item.error is None])
        for item in items:
            if item.error is not None:
                await self._dead_letters.send(item.record, item.error)
            kind = item.command.type if item.command else "unreadable"
            COMMANDS.labels(kind, "rejected" if item.error else "appended").inc()
        await asyncio.gather(
            self._commit(items),
            self._replier.send(
                [(item.reply_to, _reply(item)) for item in items if item.reply_to is not None]
            ),
        )

    def _item(self, record: Any) -> Item:
        item = Item(record)
        try:
            envelope = Envelope.of_record(
                record,
                replies_topic=self._limits.replies_topic,
                partitions=self._limits.reply_partitions,
            )
            item.reply_to = envelope.reply_to
            item.received = Received(
                record.topic,
                record.partition,
                record.offset,
                record.timestamp,
                replayed_from=envelope.replayed_from,
            )
            item.command = decode_inbox(record.value)
            item.time_ms = occurred_ms(
                item.command,
                item.received,
                future_skew_seconds=self._limits.future_skew_seconds,
            )
        except Rejected as error:
            item.error = error
        return item

    async def _append(self, items: list[Item]) -> None:
        await self._look_up(items)
        new: dict[UUID, Item] = {}
        for item in items:
            assert item.command is not None
            assert item.received is not None
            item.event_id = event_id_of(item.command, item.received)
            item.position = self._found.get(item.event_id) or self._appended.get(item.event_id)
            if item.position is None:
                new.setdefault(item.event_id, item)
        positions = await self._log.append(await self._events(list(new.values())))
        self._appended.update(zip(new, positions, strict=True))
        for item, position in zip(new.values(), positions, strict=True):
            if isinstance(item.command, Concept):
                offset = int(position.split(":")[1])
                concept, aliases = item.command.name, tuple(item.command.aliases)
                self._vocabularies.learn(item.command.namespace, concept, aliases, offset)
        for item in items:
            assert item.event_id is not None
            item.position = item.position or self._appended[item.event_id]
        for oldest in list(islice(self._appended, max(0, len(self._appended) - APPENDED_MAX))):
            del self._appended[oldest]

    async def _look_up(self, items: list[Item]) -> None:
        unknown = [item for item in items if item.partition not in self._looked_up]
        if unknown:
            since = min(item.record.timestamp for item in unknown)
            self._found |= await self._log.appended_since(since)
            self._looked_up |= {item.partition for item in unknown}

    async def _events(self, items: list[Item]) -> list[MemoryEvent]:
        texts = [
            indexed_text(item.command, item.time_ms)
            for item in items
            if isinstance(item.command, Store)
        ]
        vectors = iter(await self._embedder.embed(texts) if texts else ())
        stores = [item.command for item in items if isinstance(item.command, Store)]
        names = dict.fromkeys(store.namespace for store in stores)
        vocabularies = await self._vocabularies.of(names) if names else {}
        events = []
        for item in items:
            assert item.command is not None
            assert item.received is not None
            worked_out = None
            if isinstance(item.command, Concept) and item.command.namespace in vocabularies:
                # Those behind it in the batch may name it.
                known = vocabularies[item.command.namespace]
                known.learn(item.command.name, item.command.aliases)
            if isinstance(item.command, Store):
                worked_out = WorkedOut(
                    embedding_of(next(vectors), self._embedder.model),
                    vocabularies[item.command.namespace].find(item.command.content),
                )
            events.append(event_of(item.command, item.received, item.time_ms, worked_out))
        return events

    async def _commit(self, items: list[Item]) -> None:
        done = {item.partition: item.record.offset + 1 for item in items}
        self._next.update(done)
        try:
            await self.subscriber.consumer.commit(done)
        except Exception as error:  # noqa: BLE001 # a successor repeats it, and finds it done
            log.warning("offsets not committed", error=repr(error))


def _reply(item: Item) -> Reply:
    if item.error is not None:
        return error_reply(item.error)
    assert item.command is not None
    assert item.received is not None
    result: StoreResult | AcceptedResult
    if isinstance(item.command, Store):
        result = StoreResult(
            memory_id=cause_of(item.command, item.received),
            activation=FRESH_ACTIVATION,
            created_at=item.time_ms,
        )
    else:
        assert item.event_id is not None
        result = AcceptedResult(event_id=item.event_id)
    return Reply(result=result.model_dump(mode="json"), position=item.position)
