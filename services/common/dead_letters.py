"""Dead letters: records that cannot be processed, byte for byte, with the reason and origin."""

from typing import Any

import structlog
from prometheus_client import Counter

from human_memory.bus.producer import DurableProducer
from schemas.dead_letters import DeadLetterReason
from schemas.errors import MemoryServiceError
from schemas.topics import CORRELATION_ID

log = structlog.get_logger(__name__)
DEAD_LETTERED = Counter(
    "human_memory_dead_letters_total", "Records sent to dead letters", ["service", "topic"]
)
_REASON_CHARACTERS_MAX = 2_000


class DeadLetters:
    """Writes dead letters of one service."""

    def __init__(self, producer: DurableProducer, topic: str, *, service: str) -> None:
        self._producer = producer
        self._topic = topic
        self._service = service

    async def send(self, record: Any, error: MemoryServiceError) -> None:
        """Append `record` (a consumed Kafka record) as a dead letter; returns once it is acked.

        Raises:
            Unavailable: Kafka did not take it; the caller must not pass the record.
        """
        reason = DeadLetterReason(
            reason=error.message[:_REASON_CHARACTERS_MAX],
            code=error.code,
            service=self._service,
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            timestamp=record.timestamp,
            value_was_null=record.value is None,
        )
        await self._producer.send(
            self._topic,
            record.value if record.value is not None else b"",
            key=record.key,
            headers=[*_sendable_headers(record.headers), *reason.headers()],
        )
        DEAD_LETTERED.labels(self._service, record.topic).inc()
        log.warning(
            "dead letter",
            reason=reason.reason,
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            namespace=shown(record.key),
            correlation_id=shown(dict(record.headers or ()).get(CORRELATION_ID)),
        )


def shown(value: bytes | None) -> str | None:
    """The beginning of a key or header, for a log line."""
    return value[:200].decode("utf-8", "replace") if value else None


def _sendable_headers(headers: Any) -> list[tuple[str, bytes]]:
    # The client library writes no null header values.
    return [(key, value if value is not None else b"") for key, value in headers or ()]
