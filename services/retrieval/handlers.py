"""A query from the bus: deadline, dispatch, reply. Nothing a sender does gets past here."""

import asyncio
from collections.abc import Callable
from typing import Annotated, Any
from uuid import UUID

import structlog
from prometheus_client import Gauge, Histogram

from human_memory import __version__
from human_memory.deadline import Deadline
from schemas.codec import decode_query
from schemas.errors import (
    DeadlineExceeded,
    MemoryServiceError,
    Rejected,
)
from schemas.ids import cause_of_record, query_cause
from schemas.queries import (
    ConceptQuery,
    GraphExport,
    Inspect,
    ListMemories,
    Namespaces,
    ParametersQuery,
    Ping,
    Pong,
    Query,
    RebuildQuery,
    Recall,
    RunQuery,
    Runs,
    Search,
    Spread,
    Stats,
    WorkingMemoryQuery,
)
from schemas.replies import Reply, error_reply
from schemas.selection import Select
from services.common.background import Background
from services.common.dead_letters import DeadLetters, shown
from services.common.envelope import Envelope, Replier
from services.common.foreground import Foreground
from services.common.records import JsonOf, Records
from services.readside.visibility import Waits
from services.retrieval.graph.queries import GraphQueries
from services.retrieval.queries.installation import InstallationQueries
from services.retrieval.queries.memory import MemoryQueries
from services.retrieval.queries.namespace import NamespaceQueries
from services.retrieval.queries.runs import RunQueries
from services.retrieval.search.search import Searcher
from services.retrieval.slots import Slot, Slots

log = structlog.get_logger(__name__)
IN_FLIGHT = Gauge("human_memory_queries_in_flight", "Queries being answered")
DURATION = Histogram(
    "human_memory_query_seconds",
    "From taking a query off the bus to its reply",
    ["type"],
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5, 30),
)
Clock = Callable[[], int]
DRAIN_SECONDS_MAX = 5.0


class Queries:
    """Answers queries, each within its own deadline."""

    def __init__(
        self,
        *,
        waits: Waits,
        searcher: Searcher,
        memory: MemoryQueries,
        namespace: NamespaceQueries,
        graph: GraphQueries,
        runs: RunQueries,
        installation: InstallationQueries,
        replier: Replier,
        dead_letters: DeadLetters,
        now_ms: Clock,
        in_flight_max: int,
        foreground: Foreground,
    ) -> None:
        """`foreground`: hears of each query while it is answered, not while it waits."""
        self.done = 0  # so many were answered or refused; the watch over us sees them get on
        self._slots = Slots(in_flight_max, foreground)
        self._background = Background()
        self._waits = waits
        self._searcher = searcher
        self._memory = memory
        self._namespace = namespace
        self._graph = graph
        self._runs = runs
        self._installation = installation
        self._replier = replier
        self._dead_letters = dead_letters
        self._now_ms = now_ms

    async def handle(self, records: Annotated[Records, JsonOf(Query)]) -> None:
        """Take queries up, each in a task of its own; waits while too many are in flight."""
        for record in records:
            slot = await self._slots.take()
            self._background.start(self._handle(record, slot))

    async def drain(self) -> None:
        """Wait for what is in flight; each query's deadline bounds it."""
        await self._background.drain(DRAIN_SECONDS_MAX)
        await self._searcher.drain()
        await self._graph.close()

    async def _handle(self, record: Any, slot: Slot) -> None:
        """Answer one query; every outcome is a reply, a dead letter, or both."""
        try:
            with IN_FLIGHT.track_inprogress():
                envelope = self._replier.envelope(record)
                # The task has a context of its own, which ends with it.
                asked = envelope.reply_to
                structlog.contextvars.bind_contextvars(
                    correlation_id=shown(asked.correlation_id if asked else None),
                    namespace=shown(record.key),
                )
                reply = await self._reply(record, envelope, slot)
                if envelope.reply_to is not None:
                    await self._replier.send([(envelope.reply_to, reply)])
        except Rejected as error:
            await self._dead_letter(record, error)
        finally:
            slot.release()
            self.done += 1

    async def _reply(self, record: Any, envelope: Envelope, slot: Slot) -> Reply:
        try:
            deadline = envelope.deadline(self._now_ms())
            if deadline.expired:
                raise DeadlineExceeded("the deadline had passed before the query was taken up")
            query = decode_query(record.value)
        except Rejected as error:
            await self._dead_letter(record, error)
            return error_reply(error)
        except DeadlineExceeded as error:
            return error_reply(error)
        with DURATION.labels(query.type).time():
            return await self._answer(query, record, deadline, slot)

    async def _answer(self, query: Query, record: Any, deadline: Deadline, slot: Slot) -> Reply:
        try:
            async with asyncio.timeout(deadline.remaining_seconds()):
                if query.after is not None:
                    await slot.lend(self._waits.until(query.after, deadline))
                reply = await self._dispatch(query, _cause(query, record))
                waits = isinstance(query, Search | Recall) and query.wait == "visible"
                if waits and reply.position is not None:
                    # The answer is known, and reads go on while nothing can be written.
                    trouble = await slot.lend(self._waits.trouble(reply.position, deadline))
                    return reply if trouble is None else _warned(reply, trouble)
                return reply
        except TimeoutError:
            return error_reply(DeadlineExceeded(f"{query.type} did not finish in time"))
        except MemoryServiceError as error:
            if error.http_status >= 500:
                log.warning("query failed", type=query.type, error=error.message)
            return error_reply(error)
        except Exception:
            log.exception("query failed", type=query.type)
            return error_reply(MemoryServiceError("internal error; the service's log says more"))

    async def _dispatch(self, query: Query, cause: UUID) -> Reply:
        now_ms = self._now_ms()
        match query:
            case Search():
                return await self._searcher.search(query, cause, now_ms)
            case Recall():
                return await self._memory.recall(query, cause, now_ms)
            case Inspect():
                return await self._memory.inspect(query, now_ms)
            case ListMemories():
                return await self._namespace.list_page(query, now_ms)
            case Select():
                return await self._namespace.select(query)
            case Stats():
                return await self._namespace.stats(query, now_ms)
            case ConceptQuery():
                return await self._graph.concept(query)
            case Spread():
                return await self._graph.spread(query)
            case GraphExport():
                return await self._graph.export(query)
            case Runs():
                return await self._runs.runs(query)
            case RunQuery():
                return await self._runs.run(query)
            case WorkingMemoryQuery():
                return await self._namespace.working_memory(query, now_ms)
            case ParametersQuery():
                return await self._installation.parameters(query)
            case Namespaces():
                return await self._installation.namespaces(query, now_ms)
            case RebuildQuery():
                return await self._installation.rebuild(query)
            case Ping():
                return Reply(result=Pong(version=__version__).model_dump(mode="json"))

    async def _dead_letter(self, record: Any, error: MemoryServiceError) -> None:
        try:
            await self._dead_letters.send(record, error)
        except MemoryServiceError as failure:
            # A query is not kept for anyone: its sender times out and asks again.
            log.warning("no dead letter", reason=error.message, error=failure.message)


def _warned(reply: Reply, trouble: str) -> Reply:
    warning = f"what this answer strengthened is written, but reads do not show it yet: {trouble}"
    return reply.model_copy(update={"warning": warning})


def _cause(query: Query, record: Any) -> UUID:
    if query.query_id is not None:
        return query_cause(query.namespace, query.query_id)
    return cause_of_record(record.topic, record.partition, record.offset, record.timestamp)
