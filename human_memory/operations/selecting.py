"""Operations on all memories that meet conditions."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

from human_memory import models
from human_memory.operations.context import RequestContext
from human_memory.operations.requests import ForgetMatchingRequest
from schemas.errors import MemoryServiceError, Rejected, Unavailable
from schemas.inbox import Forget
from schemas.limits import SELECTED_MAX
from schemas.selection import Select

# Commands that are on their way at one time.
AT_ONCE = 500


async def forget_matching(
    request: ForgetMatchingRequest, context: RequestContext
) -> models.ForgottenMany:
    """Forget all that meet conditions, each by an event of its own; `restore` brings one back.

    Raises:
        Rejected: nothing says which, or both conditions and `all` do.
        Unavailable: some may not be forgotten; asked again, it forgets the rest.
    """
    limit = 0 if request.dry_run else SELECTED_MAX
    query = context.message(Select, request, limit=limit)
    given = query.model_dump(exclude_defaults=True, exclude={"namespace", "limit"})
    # An empty filter is no condition: all memories meet it.
    if request.all == any(each not in ({}, []) for each in given.values()):
        raise Rejected(
            "say which memories to forget: give conditions, or all, and not both",
            problems=[{"field": "all", "problem": "give conditions, or all, and not both"}],
        )
    selected = await context.ask(query)
    total, forgotten = int(selected["total"]), 0
    while not request.dry_run and (ids := selected["memory_ids"]):
        for at in range(0, len(ids), AT_ONCE):
            await _forget(ids[at : at + AT_ONCE], request.reason, context)
        forgotten += len(ids)
        if forgotten >= total:  # what has come since was not meant
            break
        selected = await context.ask(query)
    count = total if request.dry_run else forgotten
    return models.ForgottenMany(count=count, dry_run=request.dry_run)


async def _forget(ids: Sequence[str], reason: str | None, context: RequestContext) -> None:
    commands = [context.message(Forget, memory_id=UUID(each), reason=reason) for each in ids]
    replies = await asyncio.gather(
        *(context.request(command) for command in commands), return_exceptions=True
    )
    newest = (-1, "")
    for reply in replies:
        if isinstance(reply, MemoryServiceError):
            raise Unavailable(
                f"not all were forgotten ({reply.message}); ask again to forget the rest"
            )
        if isinstance(reply, BaseException):
            raise reply
        reply.unwrap()
        if reply.position is not None:
            newest = max(newest, (int(reply.position.split(":")[1]), reply.position))
    await context.visible(newest[1] or None)
