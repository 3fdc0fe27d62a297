"""Texts to vectors: one model per process, concurrent callers share its batches."""

import asyncio
import os
import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Protocol

import numpy as np
import structlog
from numpy.typing import NDArray
from prometheus_client import Histogram

from services.common.embedding.encoder import Encode, Encoders
from services.common.embedding.prompts import Prompts, digest_of, load_centred, prompts_of
from services.common.settings import EmbedderSettings

log = structlog.get_logger(__name__)
Vectors = NDArray[np.float16]

# A search waits for at most one slice of a bulk load; larger slices gain nothing on a CPU.
SLICE_TEXTS_MAX = 8
CHOSEN_FROM = 64
ENCODE_SECONDS = Histogram(
    "human_memory_embedding_slice_seconds",
    "Time the model took for one slice of texts",
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2),
)


class Embedder(Protocol):
    """Makes vectors of texts."""

    model: str
    dimension: int

    @property
    def digest(self) -> str | None:
        """The model's content, once it is loaded; None if that can't be told."""
        ...

    async def embed(self, texts: list[str], *, query: bool = False) -> Vectors:
        """Vectors of `texts`, shape (texts, dimension).

        `query`: they ask for what is stored. They go before the others, and some models want
        another text in front of them.
        """
        ...


@dataclass(eq=False)
class _Request:
    texts: list[str]
    query: bool
    vectors: Vectors
    missing: int
    done: asyncio.Future[None]


_Slice = list[tuple[_Request, int]]


@dataclass(eq=False)
class _Lane:
    """Texts that wait, and how many slices of them the model works on now."""

    slices_max: int
    pending: deque[tuple[_Request, int]] = field(default_factory=deque)
    slices: int = 0

    @property
    def ready(self) -> bool:
        return bool(self.pending) and self.slices < self.slices_max

    def take(self) -> _Slice:
        """The text that has waited longest, and those next to it that are nearest in length."""
        waiting: _Slice = []
        while self.pending and len(waiting) < CHOSEN_FROM:
            each = self.pending.popleft()
            if not each[0].done.done():  # else its caller has gone
                waiting.append(each)
        near = sorted(waiting, key=lambda each: abs(_length(each) - _length(waiting[0])))
        slice_ = near[:SLICE_TEXTS_MAX]
        taken = set(map(id, slice_))
        self.pending.extendleft(each for each in reversed(waiting) if id(each) not in taken)
        return slice_


def _length(waiting: tuple[_Request, int]) -> int:
    request, i = waiting
    return len(request.texts[i])


class MicroBatchingEmbedder:
    """`Embedder` over blocking encoders, which run in `threads` threads, slice by slice.

    A slice takes what is pending: queries first, and texts of like length together, since a
    batch costs as much as its longest text times its size. Slices side by side, each in one
    thread, take a tenth less than one after the other in all threads. Slices of queries
    take half of the threads at most: what comes meanwhile shares the next one, and a text among
    eight costs half of one alone. Only a text that nothing else is pending or at work beside gets
    several threads (`Encoders.alone`): it takes a quarter less.
    """

    def __init__(
        self,
        load: Callable[[], Encoders],
        *,
        model: str,
        dimension: int,
        cache_texts: int = 0,
        threads: int = 1,
        content: Callable[[], str | None] = lambda: None,
        prompts: Callable[[], Prompts] = Prompts,
    ) -> None:
        """`content`: tells the digest of what `load` loads. `prompts`: those of what it loaded."""
        self.model = model
        self.dimension = dimension
        self._load = load
        self._content = content
        self._read_prompts = prompts
        self._prompts = Prompts()
        self._digest: str | None = None
        self._encoders: Encoders | None = None
        self._cache: OrderedDict[tuple[bool, str], NDArray[np.float16]] = OrderedDict()
        self._cache_texts_max = cache_texts
        self._queries = _Lane(slices_max=max(1, threads // 2))
        self._others = _Lane(slices_max=threads)
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="embedder")
        self._workers: set[asyncio.Task[None] | None] = set()
        self._workers_max = threads
        self._loading = threading.Lock()

    @property
    def loaded(self) -> bool:
        """True once the model is in memory."""
        return self._encoders is not None

    @property
    def digest(self) -> str | None:
        """See `Embedder`."""
        return self._digest

    async def identify(self) -> str | None:
        """The digest, of a model on this machine before it is loaded."""
        if self._digest is None and not self.loaded:
            self._digest = await asyncio.to_thread(self._content)
        if self._digest is None:
            await self.load()  # which fetches it
        return self._digest

    async def load(self) -> None:
        """Load the model now, rather than with the first text."""
        if self._encoders is None:
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._threads, self._load_once)

    def _load_once(self) -> None:
        with self._loading:
            if self._encoders is None:
                encoders = self._load()
                self._prompts = self._read_prompts()
                self._encoders = encoders
                self._digest = self._digest or self._content()

    async def embed(self, texts: list[str], *, query: bool = False) -> Vectors:
        """See `Embedder`.

        Raises:
            Exception: whatever the model raised for one of `texts`.
        """
        vectors = np.empty((len(texts), self.dimension), np.float16)
        missing = [i for i, text in enumerate(texts) if not self._cached((query, text), vectors[i])]
        if not missing:
            return vectors
        done = asyncio.get_running_loop().create_future()
        request = _Request(texts, query, vectors, len(missing), done)
        missing.sort(key=lambda i: len(texts[i]))
        lane = self._queries if query else self._others
        lane.pending.extend((request, i) for i in missing)
        self._wake()
        await request.done
        return vectors

    def _wake(self) -> None:
        """One more worker, if there is something for it to do."""
        if len(self._workers) < self._workers_max and (self._queries.ready or self._others.ready):
            self._workers.add(asyncio.create_task(self._work()))

    async def _work(self) -> None:
        try:
            # A search never waits for the length of a stored text: no slice holds both.
            while lane := next(
                (lane for lane in (self._queries, self._others) if lane.ready), None
            ):
                slice_ = lane.take()
                lane.slices += 1
                self._wake()
                try:
                    await self._embed_slice(slice_)
                finally:
                    lane.slices -= 1
        finally:
            self._workers.discard(asyncio.current_task())

    async def _embed_slice(self, slice_: _Slice) -> None:
        texts = [request.texts[i] for request, i in slice_]
        if not texts:
            return
        loop = asyncio.get_running_loop()
        try:
            await self.load()
            assert self._encoders is not None
            encode = self._encoders.alone if self._is_alone(texts) else self._encoders.beside
            before = self._prompts.before(query=slice_[0][0].query)
            prompted = [before + text for text in texts]
            vectors = await loop.run_in_executor(self._threads, self._timed, encode, prompted)
            self._deliver(slice_, vectors)
        except Exception as error:  # noqa: BLE001 # it belongs to whoever awaits these texts
            await self._fail(slice_, error)

    async def _fail(self, slice_: _Slice, error: Exception) -> None:
        """Tell the callers of a slice that failed; each text alone decides, if the model is there.

        Otherwise one caller's text would fail the texts of others that share its slice.
        """
        if len(slice_) > 1 and self.loaded:
            for each in slice_:
                if not each[0].done.done():
                    await self._embed_slice([each])
            return
        for request, _ in slice_:
            if not request.done.done():
                request.done.set_exception(error)

    def _is_alone(self, texts: list[str]) -> bool:
        lanes = (self._queries, self._others)
        at_work = sum(lane.slices for lane in lanes)
        return len(texts) == 1 and at_work == 1 and not any(lane.pending for lane in lanes)

    def _timed(self, encode: Encode, texts: list[str]) -> Vectors:
        with ENCODE_SECONDS.time():
            vectors = encode(texts)
        if vectors.shape != (len(texts), self.dimension):
            raise ValueError(
                f"the model {self.model} gave vectors of shape {vectors.shape} for {len(texts)} "
                f"texts; set HUMAN_MEMORY_EMBEDDING_DIMENSION to the model's"
            )
        if not (np.abs(vectors) <= np.finfo(np.float16).max).all():  # nor for what is no number
            raise ValueError(f"the model {self.model} gave a vector that 16 bits can't hold")
        return vectors.astype(np.float16)

    def _deliver(self, slice_: _Slice, vectors: Vectors) -> None:
        for (request, i), vector in zip(slice_, vectors, strict=True):
            request.vectors[i] = vector
            self._remember((request.query, request.texts[i]), vector)
            request.missing -= 1
            if request.missing == 0 and not request.done.done():
                request.done.set_result(None)

    def _cached(self, key: tuple[bool, str], out: Vectors) -> bool:
        vector = self._cache.get(key)
        if vector is None:
            return False
        self._cache.move_to_end(key)
        out[:] = vector
        return True

    def _remember(self, key: tuple[bool, str], vector: Vectors) -> None:
        if self._cache_texts_max:
            self._cache[key] = vector.copy()
            if len(self._cache) > self._cache_texts_max:
                self._cache.popitem(last=False)


@cache
def shared_embedder(
    model: str, dimension: int, cache_texts: int, threads: int
) -> MicroBatchingEmbedder:
    """The process's one embedder for these settings: services in one process share it."""
    threads = threads or os.cpu_count() or 1
    return MicroBatchingEmbedder(
        partial(load_centred, model, threads=threads),
        model=model,
        dimension=dimension,
        cache_texts=cache_texts,
        threads=threads,
        content=partial(digest_of, model),
        prompts=partial(prompts_of, model),
    )


def embedder_of(settings: EmbedderSettings) -> MicroBatchingEmbedder:
    """The embedder that `settings` describe."""
    return shared_embedder(
        settings.embedding_model,
        settings.embedding_dimension,
        settings.embedding_cache,
        settings.embedding_threads,
    )
