"""Every message by its name, and what each topic is for. Files, pages and tests go by this."""

from dataclasses import dataclass
from typing import Any, get_args

from pydantic import TypeAdapter

from schemas import limits, topics
from schemas.dead_letters import HEADER_PREFIX, OUTCOME_PREFIX, DeadLetterReason
from schemas.events import MEMORY_EVENT, MemoryEvent
from schemas.fields import Message
from schemas.inbox import INBOX_MESSAGE, InboxMessage
from schemas.installation import NamespacesResult, ParametersResult, RebuildResult
from schemas.maintenance import MAINTENANCE_COMMAND, MaintenanceCommand
from schemas.queries import (
    QUERY,
    ConceptResult,
    GraphResult,
    InspectResult,
    ListResult,
    Pong,
    Query,
    RecallResult,
    RunsResult,
    RunSummary,
    SearchResult,
    SpreadResult,
    StatsResult,
    WorkingMemoryResult,
)
from schemas.replies import REPLY, AcceptedResult, Reply, RunResult, StoreResult


def _by_type(union: Any, prefix: str) -> dict[str, type[Message]]:
    models = get_args(get_args(union)[0])
    return {prefix + model.model_fields["type"].default: model for model in models}


COMMANDS = _by_type(InboxMessage, "inbox.")
EVENTS = _by_type(MemoryEvent, "")
QUERIES = _by_type(Query, "query.")
MAINTENANCE = _by_type(MaintenanceCommand, "maintenance.")
# What the `result` of a reply is, by what was asked; `accepted` answers all commands but `store`.
RESULTS: dict[str, type[Message]] = {
    "reply.store": StoreResult,
    "reply.accepted": AcceptedResult,
    "reply.search": SearchResult,
    "reply.recall": RecallResult,
    "reply.inspect": InspectResult,
    "reply.list": ListResult,
    "reply.stats": StatsResult,
    "reply.concept": ConceptResult,
    "reply.spread": SpreadResult,
    "reply.graph_export": GraphResult,
    "reply.runs": RunsResult,
    "reply.run": RunSummary,
    "reply.working_memory": WorkingMemoryResult,
    "reply.parameters": ParametersResult,
    "reply.namespaces": NamespacesResult,
    "reply.rebuild": RebuildResult,
    "reply.maintenance": RunResult,
    "reply.ping": Pong,
}


@dataclass(frozen=True, kw_only=True)
class TopicGuide:
    """A topic in words, for the pages and the AsyncAPI document."""

    topic: topics.Topic
    summary: str
    key: str
    written_by: str
    read_by: str
    headers: dict[str, str]
    required_headers: tuple[str, ...] = ()
    messages: dict[str, type[Message]]
    union: TypeAdapter[Any]


_CONTENT_TYPE = {topics.CONTENT_TYPE: f"`{topics.JSON}`, also for events (CloudEvents)"}
_REQUEST_HEADERS = _CONTENT_TYPE | {
    topics.CORRELATION_ID: "names the request; its reply carries the same",
    topics.REPLY_TO: "the replies topic; any other is ignored",
    topics.REPLY_PARTITION: "the partition of it that the sender reads, in digits",
    topics.TIMEOUT_MS: (
        "the deadline, in digits: milliseconds after the broker's time of the record; "
        f"absent {limits.TIMEOUT_MS_DEFAULT:,}, at most {limits.TIMEOUT_MS_MAX:,}"
    ),
}
_WAIT_HEADER = {
    topics.WAIT: (
        f"`{topics.WAIT_VISIBLE}`: reply when reads show the write; in time, or `unavailable` with "
        "its position in `details`"
    )
}
_DEAD_LETTER_HEADERS = {
    "reason": "why it was refused",
    "code": "the error's code",
    "service": "the service that refused it",
    "topic": "the topic it was read from",
    "partition": "its partition there, in digits",
    "offset": "its offset there, in digits",
    "timestamp": "the broker's time of it, RFC 3339",
    "value_was_null": "`True` if the record had no value",
}
_OUTCOME_HEADERS = {
    "of": "only of an outcome: the place of the dead letter, `partition:offset`",
    "state": "`sent_back` or `discarded`",
    "sent_to": "the topic and place it was sent back to",
}

GUIDES = (
    TopicGuide(
        topic=topics.INBOX,
        summary="What a producer writes: commands, each of which may be refused.",
        key="namespace",
        written_by="producers, the SDK, gateway, maintenance",
        read_by="ingest",
        headers=_REQUEST_HEADERS | _WAIT_HEADER,
        messages=COMMANDS,
        union=INBOX_MESSAGE,
    ),
    TopicGuide(
        topic=topics.EVENTS,
        summary="The log: facts, as CloudEvents 1.0. All else is computed from it.",
        key="namespace",
        written_by="ingest, retrieval (accesses), maintenance",
        read_by="the projection, maintenance, anyone",
        headers=_CONTENT_TYPE,
        messages=EVENTS,
        union=MEMORY_EVENT,
    ),
    TopicGuide(
        topic=topics.QUERIES,
        summary="Questions to the read side.",
        key="namespace",
        written_by="clients",
        read_by="retrieval",
        headers=_REQUEST_HEADERS,
        required_headers=(topics.CORRELATION_ID, topics.REPLY_TO, topics.REPLY_PARTITION),
        messages=QUERIES,
        union=QUERY,
    ),
    TopicGuide(
        topic=topics.REPLIES,
        summary="Answers to queries, and to commands whose sender asked for one.",
        key="correlation id",
        written_by="all services",
        read_by="clients: each reads one partition, without a group, and skips what is not its own",
        headers=_CONTENT_TYPE | {topics.CORRELATION_ID: "that of the request"},
        required_headers=(topics.CORRELATION_ID,),
        messages={"reply": Reply},
        union=REPLY,
    ),
    TopicGuide(
        topic=topics.MAINTENANCE,
        summary="Commands to run a job over a namespace.",
        key="namespace",
        written_by="the clock, clients",
        read_by="maintenance",
        headers=_REQUEST_HEADERS,
        messages=MAINTENANCE,
        union=MAINTENANCE_COMMAND,
    ),
    TopicGuide(
        topic=topics.DEAD_LETTERS,
        summary=(
            "Records that were refused, byte for byte, with their own headers. "
            "Why and whence is in the headers `dead_letter_*`. Between them lie records without a "
            "value that say in `outcome_*` what became of an earlier one."
        ),
        key="as received",
        written_by="all services; outcomes: operators",
        read_by="operators: `human-memory dead-letters list`, `show`, `replay`, `discard`",
        headers={HEADER_PREFIX + name: text for name, text in _DEAD_LETTER_HEADERS.items()}
        | {OUTCOME_PREFIX + name: text for name, text in _OUTCOME_HEADERS.items()},
        required_headers=tuple(HEADER_PREFIX + name for name in _DEAD_LETTER_HEADERS),
        messages={"dead-letter": DeadLetterReason},
        union=TypeAdapter(DeadLetterReason),
    ),
)
MESSAGES: dict[str, type[Message]] = {
    name: model for guide in GUIDES for name, model in guide.messages.items()
} | RESULTS
