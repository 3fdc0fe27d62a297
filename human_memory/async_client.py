"""The client for asyncio: the methods of `Memory`, awaited."""

import builtins
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from functools import wraps
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar, cast

from human_memory._client import calls
from human_memory._client.arguments import Keyed
from human_memory._client.calls import BATCH_SIZE_DEFAULT, Call
from human_memory._client.connecting import connect_async
from human_memory._client.guessing import guessing
from human_memory.client import Memory
from human_memory.models import MemoryCreated

P = ParamSpec("P")
T = TypeVar("T")


def _awaited(
    method: Callable[Concatenate[Memory, P], T],
) -> Callable[Concatenate["AsyncMemory", P], Coroutine[Any, Any, T]]:
    """The same method of `AsyncMemory`: it makes the same call, and that is awaited."""

    @wraps(method)
    async def awaited(self: "AsyncMemory", /, *args: P.args, **kwargs: P.kwargs) -> T:
        result: Awaitable[T] = cast("Any", method)(self, *args, **kwargs)
        return await result

    return awaited


@guessing
class AsyncMemory:
    """A memory for an agent, over `http://`, `https://` or, without a gateway, `kafka://host:port`.

    Every write is answered when reads show it. Use it as `async with AsyncMemory(...) as memory:`,
    or call `close()` in the end. `namespace` tells memories apart; a method may name another one.

    Every method raises `HumanMemoryError` or one of its subclasses, and `TypeError` for a call that
    is none: an argument that is unknown, or that JSON can't carry.
    """

    def __init__(
        self,
        base_url: str = "http://localhost:8000",
        timeout: float = 30.0,
        *,
        namespace: str | None = None,
        api_key: str | None = None,
    ) -> None:
        """Connect with the first call, and anew in another event loop or a forked process.

        `timeout`: the seconds that a call may take, with all it waits for and all its tries, and
        that `close()` may. None and infinity mean the longest that a service works on a call, ten
        minutes.
        """
        self._transport = connect_async(base_url, timeout, namespace=namespace, api_key=api_key)

    async def close(self) -> None:
        """Let go of the connections."""
        await self._transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def store_batch(
        self,
        items: Iterable[Mapping[str, Any]],
        *,
        progress: Callable[[int], None] | None = None,
        batch_size: int = BATCH_SIZE_DEFAULT,
        idempotency_key: str | None = None,
        namespace: str | None = None,
    ) -> builtins.list[MemoryCreated]:
        """Store many memories, each given as the arguments of `store`; all in one namespace.

        `progress` hears how many are stored, after each batch. With an `idempotency_key`, what a
        failure has left out is completed by a second call with the same items.
        """
        stored: builtins.list[MemoryCreated] = []
        answer: builtins.list[MemoryCreated]
        for number, batch in enumerate(calls.batches(items, batch_size)):
            key = None if idempotency_key is None else f"{idempotency_key}/{number}"
            whose: Keyed = {"idempotency_key": key, "namespace": namespace}
            call = calls.store_batch(batch, whose)
            answer = await self._send(call)
            stored += answer
            if progress is not None:
                progress(len(stored))
        return stored

    store = _awaited(Memory.store)
    add = _awaited(Memory.add)
    search = _awaited(Memory.search)
    recall = _awaited(Memory.recall)
    used = _awaited(Memory.used)
    forget = _awaited(Memory.forget)
    forget_matching = _awaited(Memory.forget_matching)
    restore = _awaited(Memory.restore)
    supersede = _awaited(Memory.supersede)
    correct = _awaited(Memory.correct)
    inspect = _awaited(Memory.inspect)
    list = _awaited(Memory.list)
    page = _awaited(Memory.page)
    working_memory = _awaited(Memory.working_memory)
    add_concept = _awaited(Memory.add_concept)
    get_concept = _awaited(Memory.get_concept)
    rename_concept = _awaited(Memory.rename_concept)
    merge_concept = _awaited(Memory.merge_concept)
    delete_concept = _awaited(Memory.delete_concept)
    add_relation = _awaited(Memory.add_relation)
    spread = _awaited(Memory.spread)
    export_graph = _awaited(Memory.export_graph)
    decay = _awaited(Memory.decay)
    consolidate = _awaited(Memory.consolidate)
    forget_strategy = _awaited(Memory.forget_strategy)  # type: ignore[arg-type] # no `self` in params
    start_run = _awaited(Memory.start_run)
    runs = _awaited(Memory.runs)
    get_run = _awaited(Memory.get_run)
    cancel_run = _awaited(Memory.cancel_run)
    undo_run = _awaited(Memory.undo_run)
    parameters = _awaited(Memory.parameters)
    set_parameters = _awaited(Memory.set_parameters)
    namespaces = _awaited(Memory.namespaces)
    delete_namespace = _awaited(Memory.delete_namespace)
    rebuild = _awaited(Memory.rebuild)
    dead_letters = _awaited(Memory.dead_letters)
    get_dead_letter = _awaited(Memory.get_dead_letter)
    replay_dead_letters = _awaited(Memory.replay_dead_letters)
    discard_dead_letters = _awaited(Memory.discard_dead_letters)
    stats = _awaited(Memory.stats)
    ready = _awaited(Memory.ready)

    def _send(self, call: Call[T]) -> Awaitable[T]:
        return self._transport.send(call)
