"""Ingest with everything around it replaced by something small that behaves the same."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, cast

from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError
from aiokafka.structs import RecordMetadata

from human_memory.bus.consumer import LogConsumer
from human_memory.bus.producer import DurableProducer, Outgoing
from schemas.codec import decode_reply, encode
from schemas.dead_letters import DeadLetterReason
from schemas.errors import Unavailable
from schemas.inbox import InboxMessage
from schemas.replies import Reply
from schemas.topics import CORRELATION_ID, REPLY_PARTITION, REPLY_TO
from services.common.dead_letters import DeadLetters
from services.common.envelope import Replier
from services.ingest.handlers import Ingest
from services.ingest.visible import VisibleReplies
from services.readside.visibility import Waits
from tests.builders import TIME_MS
from tests.fakes.event_log import PARTITIONS, MemoryEventLog
from tests.fakes.hash_model import hash_embedder
from tests.fakes.memories import MemoryMemories
from tests.fakes.vocabularies import FoldedVocabularies

INBOX, REPLIES, LETTERS = "memory.inbox", "memory.replies", "memory.dead-letters"
REPLY_PARTITIONS = 6
ZERO, ONE = TopicPartition(INBOX, 0), TopicPartition(INBOX, 1)
Headers = list[tuple[str, bytes | None]]


@dataclass(frozen=True)
class Record:
    """A consumed record, with the fields of aiokafka's that ingest reads."""

    offset: int
    value: bytes | None
    headers: Headers = field(default_factory=list)
    partition: int = 0
    topic: str = INBOX
    timestamp: int = TIME_MS
    key: bytes | None = b"acme/agent-7"


def record(offset: int, command: InboxMessage, **fields: Any) -> Record:
    """A record with `command` as its value."""
    return Record(offset, encode(command), **fields)


def asking(name: str = "q1", partition: int = 3) -> Headers:
    """Headers that ask for a reply."""
    return [
        (REPLY_TO, REPLIES.encode()),
        (CORRELATION_ID, name.encode()),
        (REPLY_PARTITION, str(partition).encode()),
    ]


class Consumer:
    """The offsets of one group, as far as ingest uses them."""

    def __init__(self) -> None:
        self.offsets: dict[TopicPartition, int] = {}
        self.commits = 0
        self.refused_commits = 0
        self.refused_reads = 0
        self.sought: list[tuple[TopicPartition, int]] = []

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self.sought.append((partition, offset))

    async def committed(self, partition: TopicPartition) -> int | None:
        if self.refused_reads:
            self.refused_reads -= 1
            raise KafkaConnectionError("no coordinator")
        return self.offsets.get(partition)

    async def commit(self, offsets: dict[TopicPartition, int]) -> None:
        self.commits += 1
        if self.refused_commits:
            self.refused_commits -= 1
            raise KafkaConnectionError("no coordinator")
        self.offsets |= offsets


class Producer(DurableProducer):
    """A producer that keeps what it was given; `refusals`: so many calls fail."""

    def __init__(self) -> None:
        self.sent: list[Outgoing] = []
        self.refusals: Counter[str] = Counter()

    async def send_all(self, records: Any) -> list[RecordMetadata]:
        for each in records:
            if self.refusals[each.topic]:
                self.refusals[each.topic] -= 1
                raise Unavailable("Kafka is away")
        self.sent += records
        return [
            RecordMetadata(each.topic, 0, TopicPartition(each.topic, 0), 0, None, 0, 0)
            for each in records
        ]

    def replies(self) -> dict[str, Reply]:
        """Replies by correlation id."""
        sent = [each for each in self.sent if each.topic == REPLIES]
        assert len({each.key for each in sent}) == len(sent), "replied twice"
        return {(each.key or b"").decode(): decode_reply(each.value) for each in sent}

    def dead_letters(self) -> list[tuple[bytes | None, DeadLetterReason]]:
        """Values of dead letters, and why they are ones."""
        return [
            (each.value, DeadLetterReason.from_headers(dict(each.headers)))
            for each in self.sent
            if each.topic == LETTERS
        ]


class Member:
    """One member of the ingest group. Members share the log, the producer and the offsets."""

    def __init__(
        self,
        event_log: MemoryEventLog | None = None,
        producer: Producer | None = None,
        consumer: Consumer | None = None,
        *,
        vocabularies: FoldedVocabularies | None = None,
        memories: MemoryMemories | None = None,
    ) -> None:
        self.log = event_log or MemoryEventLog()
        self.producer = producer or Producer()
        self.consumer = consumer or Consumer()
        self.embedder = hash_embedder()
        self.vocabularies = vocabularies or FoldedVocabularies()
        self.cursor = 0  # where the read side stands
        replier = Replier(self.producer, REPLIES, partitions=REPLY_PARTITIONS, service="ingest")
        self.ingest = Ingest(
            event_log=self.log,
            embedder=self.embedder,
            memories=memories or MemoryMemories(),
            vocabularies=self.vocabularies,
            dead_letters=DeadLetters(self.producer, LETTERS, service="ingest"),
            replier=replier,
            visible=VisibleReplies(
                replier, Waits(self._stands, partitions=PARTITIONS), now_ms=lambda: TIME_MS
            ),
            future_skew_seconds=300,
        )
        self.ingest.ownership.consumer = cast("LogConsumer", self.consumer)

    async def begin(self, *partitions: TopicPartition) -> "Member":
        """Be given these partitions, or partition 0."""
        await self.ingest.ownership.on_partitions_assigned(list(partitions or (ZERO,)))
        return self

    async def _stands(self, _: int) -> int:
        return self.cursor

    def successor(self) -> "Member":
        """Another member, which goes on where this one was killed."""
        return Member(self.log, self.producer, self.consumer)

    async def handle(self, *records: Record) -> None:
        """Process these as one batch, of an inbox that holds nothing before them."""
        await self.ingest.handle(records)
        if self.consumer.sought:  # Kafka has nothing else to give
            self.consumer.sought.clear()
            await self.ingest.handle(records)
        await self.ingest.stop()
