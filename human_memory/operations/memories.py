"""Operations on memories."""

import asyncio
import json
import time
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from human_memory import models
from human_memory.operations.context import Json, RequestContext
from human_memory.operations.requests import (
    CorrectRequest,
    ForgetRequest,
    InspectRequest,
    ListRequest,
    Nothing,
    RecallRequest,
    RestoreRequest,
    SearchRequest,
    StoreBatchRequest,
    StoreRequest,
    SupersedeRequest,
    UsedRequest,
    memory_id_of,
)
from schemas.errors import MemoryServiceError, NotFound, Rejected, Unavailable
from schemas.fields import NEVER, rfc3339
from schemas.ids import derive
from schemas.inbox import Access, Correct, Forget, Restore, Store, Supersede
from schemas.limits import FUTURE_SKEW_SECONDS_DEFAULT
from schemas.queries import Inspect, ListMemories, Recall, Search, Stats
from schemas.replies import Reply

_SECONDS_END = len("2023-11-14T22:13:20.123")
SEEDS = 2**63  # that the bus knows
_TIMES = (
    *("created_at", "last_accessed", "accessed_at", "recorded_at"),
    *("began_at", "completed_at", "undone_at", "corrected_at", "expires_at"),
)


async def store(request: StoreRequest, context: RequestContext) -> models.MemoryCreated:
    """A new memory."""
    command = context.message(Store, request, idempotency_key=context.idempotency_key)
    return models.MemoryCreated.model_validate(shown(await context.write(command)))


async def store_batch(request: StoreBatchRequest, context: RequestContext) -> models.BatchStored:
    """Several new memories, each a command of its own under a key of its own.

    Raises:
        Unavailable: some may not be stored; a retry with the same key completes the batch.
    """
    key = context.idempotency_key
    commands = [
        context.message(
            Store,
            item,
            idempotency_key=None if key is None else str(derive("batch", key, number)),
        )
        for number, item in enumerate(request.items)
    ]
    _check_times(commands)
    replies = await asyncio.gather(
        *(context.request(command) for command in commands), return_exceptions=True
    )
    results, newest = [], (-1, "")
    for reply in replies:
        if isinstance(reply, MemoryServiceError):
            raise Unavailable(
                f"not every item was stored ({reply.message}); send the batch again with the same "
                "Idempotency-Key to complete it"
            )
        if isinstance(reply, BaseException):
            raise reply
        results.append(models.MemoryCreated.model_validate(shown(reply.unwrap())))
        if reply.position is not None:
            newest = max(newest, (int(reply.position.split(":")[1]), reply.position))
    # All are of one namespace, so of one partition: what shows the newest shows all.
    await context.visible(newest[1] or None)
    return models.BatchStored(results=results)


async def search(request: SearchRequest, context: RequestContext) -> models.SearchReply:
    """Memories about something, ranked by activation."""
    query = context.checked(
        Search,
        request,
        query_id=context.query_id,
        wait="visible",
        seed=None if request.seed is None else request.seed % SEEDS,  # any number is one here
    )
    reply = await context.request(query)
    result = reply.unwrap()
    rows = [shown(row) for row in result["results"]]
    answer = {"results": rows, "count": len(rows), "best_below": result.get("best_below")}
    return models.SearchReply.model_validate(_warned(reply, answer))


async def recall(request: RecallRequest, context: RequestContext) -> models.MemoryInfo:
    """One memory, which gets stronger."""
    query = context.message(
        Recall,
        request,
        memory_id=memory_id_of(request.memory_id),
        query_id=context.query_id,
        wait="visible",
    )
    reply = await context.request(query)
    return models.MemoryInfo.model_validate(_warned(reply, shown(reply.unwrap())))


async def inspect(request: InspectRequest, context: RequestContext) -> models.MemoryDetail:
    """Everything about one memory."""
    query = context.message(Inspect, request, memory_id=memory_id_of(request.memory_id))
    return models.MemoryDetail.model_validate(shown(await context.ask(query)))


async def list_memories(request: ListRequest, context: RequestContext) -> models.MemoryPage:
    """A page of the memories of a namespace."""
    query = context.checked(
        ListMemories,
        request,
        type="list",
        memory_type=request.type,
        filter=None if request.filter is None else _object_of(request.filter),
    )
    result = await context.ask(query)
    rows = [shown(row) for row in result["memories"]]
    return models.MemoryPage.model_validate({**result, "memories": rows})


async def forget(request: ForgetRequest, context: RequestContext) -> models.Forgotten:
    """Take a memory out of everything but inspect and list.

    Raises:
        NotFound: unknown, or forgotten already.
    """
    memory_id = memory_id_of(request.memory_id)
    if (await inspected(context, memory_id))["status"] == "deleted":
        raise NotFound(f"memory {memory_id} is forgotten already")
    await context.write(context.message(Forget, request, memory_id=memory_id))
    return models.Forgotten(memory_id=str(memory_id), deleted=True)


async def restore(request: RestoreRequest, context: RequestContext) -> models.Restored:
    """Bring a decayed or forgotten memory back; one that is active stays as it is.

    Raises:
        NotFound: unknown.
    """
    memory_id = memory_id_of(request.memory_id)
    found = await inspected(context, memory_id)
    if found["status"] != "active":
        await context.write(context.message(Restore, request, memory_id=memory_id))
        found = await inspected(context, memory_id)
    return models.Restored.model_validate(found)


async def used(request: UsedRequest, context: RequestContext) -> models.Accepted:
    """Memories were of use outside a search or recall of ours."""
    await context.write(context.message(Access, request, idempotency_key=context.idempotency_key))
    return models.Accepted(accepted=True)


async def supersede(request: SupersedeRequest, context: RequestContext) -> models.Accepted:
    """Say that a newer memory holds instead of an older one, which then comes after it.

    Raises:
        NotFound: one of the two is unknown.
    """
    ids = {
        "memory_id": memory_id_of(request.memory_id),
        "superseded_by": memory_id_of(request.superseded_by),
    }
    key = context.idempotency_key
    command = context.checked(Supersede, request, **ids, idempotency_key=key)
    # The log takes a wish about anything; only the read side knows what there is.
    await asyncio.gather(*(inspected(context, each) for each in ids.values()))
    await context.write(command)
    return models.Accepted(accepted=True)


async def correct(request: CorrectRequest, context: RequestContext) -> models.MemoryDetail:
    """Correct what a memory says, or take the latest correction back; all of it as it is then.

    Raises:
        NotFound: unknown or forgotten, or no correction is there to take back.
    """
    memory_id = memory_id_of(request.memory_id)
    key = context.idempotency_key
    command = context.checked(Correct, request, memory_id=memory_id, idempotency_key=key)
    require_correctable(command, await inspected(context, memory_id))
    await context.write(command)
    return models.MemoryDetail.model_validate(shown(await inspected(context, memory_id)))


def require_correctable(command: Correct, found: Json) -> None:
    """Refuse what the fold would ignore; only the read side knows what there is.

    Raises:
        NotFound: it is forgotten, or no correction is there to take back.
    """
    if found["status"] == "deleted":
        raise NotFound(f"memory {command.memory_id} is forgotten; restore it first")
    if command.reversed and not found["corrections"]:
        raise NotFound(f"memory {command.memory_id} has no correction to take back")


async def stats(request: Nothing, context: RequestContext) -> models.Stats:
    """Counts by status."""
    return models.Stats.model_validate(await context.ask(context.message(Stats)))


async def inspected(context: RequestContext, memory_id: UUID) -> Json:
    """All that is known of a memory, whatever its status.

    Raises:
        NotFound: unknown.
    """
    return await context.ask(context.message(Inspect, memory_id=memory_id))


def _warned(reply: Reply, answer: Json) -> Json:
    return answer if reply.warning is None else {**answer, "warning": reply.warning}


def shown(row: Json) -> Json:
    """A row as HTTP shows it: times with microseconds."""
    times: Json = {
        name: microseconds(row[name]) for name in _TIMES if row.get(name) not in (None, NEVER)
    }
    for name in ("access_history", "corrections"):
        if name in row:
            times[name] = [shown(each) for each in row[name]]
    return {**row, **times} if times else row


def microseconds(time: str) -> str:
    """A time of the bus with as many digits as HTTP promises.

    >>> microseconds("2023-11-14T22:13:20.123Z")
    '2023-11-14T22:13:20.123000Z'
    """
    return f"{time[:_SECONDS_END]}000{time[_SECONDS_END:]}"


def _object_of(text: str) -> Any:
    """The filter of a query string.

    Raises:
        Rejected: it is no JSON.
    """
    try:
        return json.loads(text)
    except ValueError:
        words = 'filter: an object of JSON, such as {"kind": "invoice"}'
        found = [{"field": "filter", "problem": words.partition(": ")[2]}]
        raise Rejected(words, problems=found) from None


def _check_times(items: Sequence[Store]) -> None:
    """Refuse what ingest would refuse of one item, before another is stored.

    Raises:
        Rejected: an item happened in the future, or expires before it happened.
    """
    now_ms = time.time_ns() // 1_000_000
    latest_ms = now_ms + FUTURE_SKEW_SECONDS_DEFAULT * 1_000
    for number, item in enumerate(items):
        if problem := item.expires_too_early(now_ms):
            field = f"items.{number}.expires_at"
            found = {"field": field, "problem": problem.partition(": ")[2]}
            raise Rejected(f"items.{number}.{problem}", problems=[found])
        if item.occurred_at is not None and item.occurred_at > latest_ms:
            field = f"items.{number}.occurred_at"
            words = f"{field}: {rfc3339(item.occurred_at)} is in the future; check the clock"
            raise Rejected(words, problems=[{"field": field, "problem": words.partition(": ")[2]}])
