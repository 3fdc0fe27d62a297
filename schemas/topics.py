"""Topics, their settings and the names of record headers."""

from dataclasses import dataclass

from schemas.limits import DEAD_LETTER_BYTES_MAX, RECORD_BYTES_MAX

CORRELATION_ID = "correlation_id"
REPLY_TO = "reply_to"
REPLY_PARTITION = "reply_partition"
TIMEOUT_MS = "timeout_ms"
# A command that asks for a reply may ask for it when reads show what it did.
WAIT = "wait"
WAIT_VISIBLE = "visible"
# On what `dead-letters replay` sends back: where it had been refused, as topic:partition:offset.
REPLAYED_FROM = "replayed_from"
CONTENT_TYPE = "content-type"
JSON = "application/json"

# Of the contract, not of the software: a change that breaks a reader or a writer makes it 2.
CONTRACT_VERSION = "1.0.0"
PARTITIONS_DEFAULT = 6
FOR_EVER = -1
_MINUTE = 60_000
_DAY = 86_400_000


@dataclass(frozen=True, kw_only=True)
class Topic:
    """One topic of the contract: its name without prefix and the settings that matter."""

    name: str
    retention_ms: int
    record_bytes_max: int = RECORD_BYTES_MAX

    def settings(self) -> dict[str, str]:
        """Kafka's topic settings.

        Retention by time only: bytes must never shorten the log. LogAppendTime, because the
        broker refuses records dated over an hour ahead, and because what happened when is in the
        message. The log needs consecutive offsets, hence no compaction.
        """
        return {
            "cleanup.policy": "delete",
            "retention.ms": str(self.retention_ms),
            "retention.bytes": "-1",
            "max.message.bytes": str(self.record_bytes_max),
            "message.timestamp.type": "LogAppendTime",
        }


INBOX = Topic(name="memory.inbox", retention_ms=7 * _DAY)
EVENTS = Topic(name="memory.events", retention_ms=FOR_EVER)
QUERIES = Topic(name="memory.queries", retention_ms=10 * _MINUTE)
REPLIES = Topic(name="memory.replies", retention_ms=10 * _MINUTE)
MAINTENANCE = Topic(name="memory.maintenance", retention_ms=7 * _DAY)
DEAD_LETTERS = Topic(
    name="memory.dead-letters", retention_ms=30 * _DAY, record_bytes_max=DEAD_LETTER_BYTES_MAX
)
TOPICS = (INBOX, EVENTS, QUERIES, REPLIES, MAINTENANCE, DEAD_LETTERS)
