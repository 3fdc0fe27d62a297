"""Appending to memory.events: what every writer of the log does the same way."""

from human_memory.bus.producer import DurableProducer, Outgoing
from human_memory.bus.settings import KafkaSettings
from schemas.codec import encode
from schemas.events import MemoryEvent
from schemas.topics import CONTENT_TYPE, EVENTS, JSON

_HEADERS = ((CONTENT_TYPE, JSON.encode()),)


class EventAppender:
    """Appends events, keyed by namespace."""

    def __init__(self, settings: KafkaSettings, producer: DurableProducer) -> None:
        self._topic = settings.topic(EVENTS)
        self._producer = producer

    async def append(self, events: list[MemoryEvent]) -> list[str]:
        """The position of each event, once all are acknowledged.

        Raises:
            Unavailable: not all are in the log. Which ones is unknown.
        """
        records = [
            Outgoing(self._topic, event.namespace.encode(), encode(event), _HEADERS)
            for event in events
        ]
        appended = await self._producer.send_all(records)
        return [f"{record.partition}:{record.offset}" for record in appended]
