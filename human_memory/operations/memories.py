"""Operations on memories."""

import asyncio
import time
from typing import Any
from uuid import UUID

from human_memory.operations.context import Asking, Json
from human_memory.operations.requests import ApiRequest, StoreBatchRequest, memory_id_of
from schemas.errors import MemoryServiceError, NotFound, Rejected, Unavailable
from schemas.fields import rfc3339
from schemas.ids import derive
from schemas.inbox import Access, Forget, Restore, Store
from schemas.limits import FUTURE_SKEW_SECONDS_DEFAULT
from schemas.queries import Inspect, ListMemories, Recall, Search, Stats

SEEDS = 2**63  # that the bus knows
_TIMES = ("created_at", "last_accessed", "accessed_at", "recorded_at")


async def store(request: ApiRequest, asking: Asking) -> Json:
    """A new memory."""
    return shown(await asking.write(_store(request, asking, asking.idempotency_key)))


async def store_batch(request: StoreBatchRequest, asking: Asking) -> Json:
    """Several new memories, each a command of its own under a key of its own.

    Raises:
        Unavailable: some may not be stored; a retry with the same key completes the batch.
    """
    _check_times(request)
    key = asking.idempotency_key
    commands = [
        _store(item, asking, None if key is None else str(derive("batch", key, number)))
        for number, item in enumerate(request.items)
    ]
    replies = await asyncio.gather(
        *(asking.request(command) for command in commands), return_exceptions=True
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
        results.append(shown(reply.unwrap()))
        if reply.position is not None:
            newest = max(newest, (int(reply.position.split(":")[1]), reply.position))
    # All are of one namespace, so of one partition: what shows the newest shows all.
    await asking.visible(newest[1] or None)
    return {"results": results}


async def search(request: ApiRequest, asking: Asking) -> Json:
    """What is remembered about something."""
    fields = _given(request)
    if fields.get("seed") is not None:
        fields["seed"] %= SEEDS  # any whole number is one over HTTP
    query = asking.message(Search, query_id=asking.query_id, wait="visible", **fields)
    rows = [shown(row) for row in (await asking.ask(query))["results"]]
    return {"results": rows, "count": len(rows)}


async def recall(request: ApiRequest, asking: Asking) -> Json:
    """One memory, which gets stronger."""
    fields = _given(request)
    memory_id = memory_id_of(fields.pop("memory_id"))
    query = asking.message(
        Recall, memory_id=memory_id, query_id=asking.query_id, wait="visible", **fields
    )
    return shown(await asking.ask(query))


async def inspect(request: ApiRequest, asking: Asking) -> Json:
    """Everything about one memory."""
    return shown(await _inspected(asking, memory_id_of(_given(request)["memory_id"])))


async def list_memories(request: ApiRequest, asking: Asking) -> Json:
    """A page of the memories of a namespace."""
    fields = _given(request)
    if "type" in fields:
        fields["memory_type"] = fields.pop("type")
    result = await asking.ask(asking.message(ListMemories, **fields))
    return {**result, "memories": [shown(row) for row in result["memories"]]}


async def forget(request: ApiRequest, asking: Asking) -> Json:
    """Take a memory out of everything but inspect and list.

    Raises:
        NotFound: unknown, or forgotten already.
    """
    memory_id = memory_id_of(_given(request)["memory_id"])
    if (await _inspected(asking, memory_id))["status"] == "deleted":
        raise NotFound(f"memory {memory_id} is forgotten already")
    await asking.write(asking.message(Forget, memory_id=memory_id))
    return {"memory_id": str(memory_id), "deleted": True}


async def restore(request: ApiRequest, asking: Asking) -> Json:
    """Bring a decayed or forgotten memory back; one that is active stays as it is.

    Raises:
        NotFound: unknown.
    """
    memory_id = memory_id_of(_given(request)["memory_id"])
    found = await _inspected(asking, memory_id)
    if found["status"] != "active":
        await asking.write(asking.message(Restore, memory_id=memory_id))
        found = await _inspected(asking, memory_id)
    return {name: found[name] for name in ("memory_id", "status", "activation", "access_count")}


async def used(request: ApiRequest, asking: Asking) -> Json:
    """Memories were of use outside a search or recall of ours."""
    command = asking.message(Access, idempotency_key=asking.idempotency_key, **_given(request))
    await asking.write(command)
    return {"accepted": True}


async def stats(request: ApiRequest, asking: Asking) -> Json:
    """Counts by status."""
    return await asking.ask(asking.message(Stats))


async def known(asking: Asking, memory_id: UUID) -> None:
    """Return if there is such a memory, whatever its status.

    Raises:
        NotFound: unknown.
    """
    await _inspected(asking, memory_id)


def shown(row: Json) -> Json:
    """A row as HTTP shows it: times with microseconds."""
    times: Json = {name: microseconds(row[name]) for name in _TIMES if name in row}
    if "access_history" in row:
        times["access_history"] = [shown(each) for each in row["access_history"]]
    return {**row, **times} if times else row


def microseconds(time: str) -> str:
    """A time of the bus with as many digits as HTTP promises.

    >>> microseconds("2023-11-14T22:13:20.123Z")
    '2023-11-14T22:13:20.123000Z'
    """
    return f"{time.removesuffix('Z')}000Z"


def _check_times(request: StoreBatchRequest) -> None:
    """What ingest would refuse of one item, before another is stored.

    Raises:
        Rejected: an item happened in the future.
    """
    latest_ms = time.time_ns() // 1_000_000 + FUTURE_SKEW_SECONDS_DEFAULT * 1_000
    for number, item in enumerate(request.items):
        if item.occurred_at is not None and item.occurred_at > latest_ms:
            field = f"items.{number}.occurred_at"
            words = f"{field}: {rfc3339(item.occurred_at)} is in the future; check the clock"
            raise Rejected(words, problems=[{"field": field, "problem": words.partition(": ")[2]}])


async def _inspected(asking: Asking, memory_id: UUID) -> Json:
    return await asking.ask(asking.message(Inspect, memory_id=memory_id))


def _store(request: ApiRequest, asking: Asking, key: str | None) -> Store:
    command: Store = asking.message(Store, idempotency_key=key, **_given(request))
    return command


def _given(request: ApiRequest) -> dict[str, Any]:
    return request.model_dump(exclude_unset=True)
