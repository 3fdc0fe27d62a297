"""Carries out rows against the running system: bounds directly, the rest through the bus."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import cycle, islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.figures import Sample
from bench.http_clients import HttpClients, HttpError
from bench.large import append, stored_events, vectors_near
from bench.machine import Meter
from bench.material import LARGE_NAMESPACE, SEARCHED_NAMESPACE, Item, Memory
from bench.rows import Row
from bench.system import System
from human_memory import routes
from human_memory.bus.bus import Bus
from human_memory.bus.producer import DurableProducer, partition_of
from human_memory.routes import Route
from schemas.codec import encode
from schemas.parameters import ParameterOverrides
from schemas.queries import Ping, Search
from schemas.replies import Reply
from services.common.redis import RedisClient, redis_prefix
from services.readside.layout import Control, Layout
from services.retrieval.search.plan import Bounds

Encode = Callable[[list[str]], NDArray[np.float32]]
TIMEOUT_SECONDS = 120.0  # a request that fails would end the run; a slow machine must not
BATCH_SIZES = (8, 16, 32, 64, 128, 256)
PASSES = 2
ALL_THAT_RANKS = ParameterOverrides()
COSINE_ONLY = ParameterOverrides(
    base_level_weight=0,
    lexical_weight=0,
    neighbour_weight=0,
    spreading_weight=0,
    speaker_weight=0,
    length_weight=0,
    time_weight=0,
)


class Workbench:
    """Measures one row at a time. What a request leaves behind is folded before the next row."""

    def __init__(
        self,
        system: System,
        *,
        bus: Bus,
        producer: DurableProducer,
        redis: RedisClient,
        encode: Encode,
        clients: HttpClients,
    ) -> None:
        self._system = system
        self._bus = bus
        self._producer = producer
        self._redis = redis
        self._encode = encode
        self._clients = clients
        self._meter = Meter(system, redis)
        self._vectors = np.empty((0, 0), np.float16)
        self._positions: dict[int, int] = {}
        self._found_nothing = 0
        self._errors = 0
        self._producible = b""
        self.batch_sizes: dict[str, int] = {}

    async def prepare(
        self, searched: list[Memory], queries: list[str], memories: list[Memory]
    ) -> None:
        """Store what is searched, have the services embed the texts that shall be cached, and
        find the batch sizes that are best for the model alone."""
        await self._load(self._store, [*searched, *memories], width=64)
        await self._settled()
        await self._load(self._search(), queries, width=16)
        await self._settled()
        self._vectors = self._encode(queries).astype(np.float16)
        self._producible = encode(memories[0].store)
        texts = [memory.text for memory in memories]
        # In a thread, here and below: the clients' connections must not go unattended for long.
        for kind, some in (("query", queries), ("memory", texts)):
            self.batch_sizes[kind] = await asyncio.to_thread(self._best_batch, some)

    async def prepare_large(self, memories: list[Memory], *, seed: int, now_ms: int) -> None:
        """Append them to the log with made-up vectors near those of the queries; wait until they
        are folded."""
        vectors = vectors_near(self._vectors, len(memories), seed=seed)
        settings = self._system.settings
        events = await asyncio.to_thread(
            stored_events, memories, vectors, model=settings.embedding_model, now_ms=now_ms
        )
        for position in await append(settings, self._producer, events):
            self._note(position)
        await self._settled()

    async def measure(self, row: Row, items: Sequence[Item], count: int) -> Sample:
        """`count` requests of a row; `items` are what is embedded, searched or stored, if any."""
        self._found_nothing = self._errors = 0
        before = await self._meter.read()
        began = time.perf_counter()
        durations = await self._run(row, items, count)
        seconds = time.perf_counter() - began
        await self._settled()
        wall = time.perf_counter() - began
        after = await self._meter.read()
        used = {name: after[name] - before[name] for name in before}
        used["wall"] = wall
        used["found_nothing"] = self._found_nothing
        return Sample(count, seconds, durations, used, self._errors)

    async def _run(self, row: Row, items: Sequence[Item], count: int) -> list[float]:
        match row.kind:
            case "embed":
                return await asyncio.to_thread(self._embed_singly, [_text(item) for item in items])
            case "embed-batch":
                kind = "query" if isinstance(items[0], str) else "memory"
                texts = [_text(item) for item in items]
                await asyncio.to_thread(self._embed_batched, texts, self.batch_sizes[kind])
                return []
            case "knn":
                vectors = [each.tobytes() for each in islice(cycle(self._vectors), count)]
                return await self._load(await self._nearest(row), vectors, width=row.in_flight)
            case "ping":
                return await self._load(self._ping, range(count), width=row.in_flight)
            case "produce":
                return await self._load(self._produce, range(count), width=row.in_flight)
            case "search" if row.over_http:
                return await self._load(self._search_http, items, width=row.in_flight)
            case "search":
                search = self._search(
                    visible=row.visible,
                    namespace=_namespace(row),
                    record_access=row.record_access,
                    parameters=COSINE_ONLY if row.cosine_only else ALL_THAT_RANKS,
                )
                return await self._load(search, items, width=row.in_flight)
            case "store" if row.over_http:
                return await self._load(self._store_http, items, width=row.in_flight)
            case "store":
                store = self._store_visible if row.visible else self._store
                return await self._load(store, items, width=row.in_flight)

    async def _load(
        self, act: Callable[[Any], Awaitable[object]], items: Sequence[Any], *, width: int
    ) -> list[float]:
        """`act` on each item, `width` at a time, 0: all at once; how long each took, in ms."""
        durations: list[float] = []
        left = iter(items)

        async def worker() -> None:
            for item in left:
                began = time.perf_counter()
                await act(item)
                durations.append((time.perf_counter() - began) * 1000)

        async with asyncio.TaskGroup() as group:
            for _ in range(width or len(items)):
                group.create_task(worker())
        return durations

    def _embed_singly(self, texts: list[str]) -> list[float]:
        durations = []
        for text in texts:
            began = time.perf_counter()
            self._encode([text])
            durations.append((time.perf_counter() - began) * 1000)
        return durations

    def _embed_batched(self, texts: list[str], size: int) -> None:
        # A batch costs as much as its longest text times its size.
        texts = sorted(texts, key=len)
        for start in range(0, len(texts), size):
            self._encode(texts[start : start + size])

    def _best_batch(self, texts: list[str]) -> int:
        seconds: dict[int, float] = {}
        for size in BATCH_SIZES * PASSES:
            began = time.perf_counter()
            self._embed_batched(texts[: max(BATCH_SIZES)], size)
            seconds[size] = min(seconds.get(size, np.inf), time.perf_counter() - began)
        return min(seconds, key=lambda size: seconds[size])

    async def _nearest(self, row: Row) -> Callable[[bytes], Awaitable[None]]:
        namespace = _namespace(row)
        bounds = Bounds()
        index = await self._live_index(namespace)

        async def nearest(vector: bytes) -> None:
            await self._redis.execute_command(
                "FT.SEARCH", index, f"(@ns:{{$ns}})=>[KNN {bounds.nearest} @vector $vector]",
                "PARAMS", 4, "ns", namespace, "vector", vector,
                "NOCONTENT", "LIMIT", 0, bounds.nearest, "TIMEOUT", bounds.index_timeout_ms,
                "DIALECT", 2,
            )  # fmt: skip

        return nearest

    async def _live_index(self, namespace: str) -> str:
        settings = self._system.settings
        prefix = redis_prefix(settings.topic_prefix)
        partition = partition_of(namespace.encode(), settings.partitions)
        version = int(await self._redis.get(Control(prefix, partition).live))
        return Layout(prefix, version, partition).index("active")

    async def _ping(self, _: int) -> None:
        await self._ask(Ping(namespace=SEARCHED_NAMESPACE))

    async def _produce(self, number: int) -> None:
        await self._producer.send(
            self._system.scratch, self._producible, key=f"bench/stored-{number % 8}".encode()
        )

    def _search(
        self,
        *,
        namespace: str = SEARCHED_NAMESPACE,
        visible: bool = False,
        record_access: bool = True,
        parameters: ParameterOverrides = ALL_THAT_RANKS,
    ) -> Callable[[str], Awaitable[None]]:
        async def search(query: str) -> None:
            asked = Search(
                namespace=namespace,
                query=query,
                record_access=record_access,
                parameters=parameters,
                wait="visible" if visible else "none",
            )
            reply = await self._ask(asked)
            if not reply.unwrap()["results"]:
                self._found_nothing += 1
            elif record_access:
                self._note(reply.position)

        return search

    async def _store(self, memory: Memory) -> None:
        self._note((await self._ask(memory.store)).position)

    async def _store_visible(self, memory: Memory) -> None:
        await self._ask(memory.store, visible=True)

    async def _search_http(self, query: str) -> None:
        answer = await self._post(routes.SEARCH, {"query": query}, SEARCHED_NAMESPACE)
        if answer is not None and not answer["results"]:
            self._found_nothing += 1

    async def _store_http(self, memory: Memory) -> None:
        fields = memory.store.model_dump(mode="json", exclude_unset=True)
        await self._post(routes.STORE, fields, memory.store.namespace)

    async def _post(self, route: Route, fields: Mapping[str, Any], namespace: str) -> Any:
        try:
            return await self._clients.post(route, fields, namespace=namespace)
        except (HttpError, OSError, asyncio.IncompleteReadError):
            self._errors += 1
            return None

    async def _ask(self, message: Any, *, visible: bool = False) -> Reply:
        reply = await self._bus.request(message, timeout_seconds=TIMEOUT_SECONDS, visible=visible)
        reply.unwrap()
        return reply

    def _note(self, position: str | None) -> None:
        """Remember where an event lies that must be folded before the next row."""
        assert position is not None
        partition, offset = (int(part) for part in position.split(":"))
        self._positions[partition] = max(offset, self._positions.get(partition, 0))

    async def _settled(self) -> None:
        """Return once the read side has folded everything that replies have named."""
        positions, self._positions = self._positions, {}
        for partition, offset in positions.items():
            ping = Ping(namespace=SEARCHED_NAMESPACE, after=f"{partition}:{offset}")
            await self._bus.ask(ping, timeout_seconds=TIMEOUT_SECONDS)


def _text(item: Item) -> str:
    return item if isinstance(item, str) else item.text


def _namespace(row: Row) -> str:
    return LARGE_NAMESPACE if row.large else SEARCHED_NAMESPACE
