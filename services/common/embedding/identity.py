"""One installation, one embedding model, known by its content: another one is refused.

Vectors of two models can't be compared. Under one name, or with as many numbers, nothing else
tells them apart, and searches find nothing any more without a word.

The log decides: each stored memory says what made its vector, and what it says can be tried. A key
in Redis saves reading the log at each start. While nothing is stored yet the key is a lease of the
services that run: of two that start with different models, the second waits and is refused.
"""

import asyncio
from base64 import b64decode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import numpy as np
import orjson
import structlog

from human_memory.deadline import Deadline
from schemas.errors import InvariantBroken, MemoryServiceError
from schemas.events import MemoryStored
from services.common.background import beside
from services.common.embedding.embedder import Embedder, MicroBatchingEmbedder
from services.common.embedding.newest_memories import newest_memories
from services.common.redis import REDIS_ERRORS, RedisClient, redis_prefix
from services.common.settings import EmbedderSettings

log = structlog.get_logger(__name__)
LEASE_SECONDS = 15
POLL_SECONDS = 0.5
# float16 and another way to compute the same model stay above this by two orders of magnitude.
SAME_COSINE_MIN = 0.9999
# Newest memories whose vectors are made again. A shorter length shows in long texts only.
NEWEST_COMPARED = 16
LONGEST_COMPARED = 4
NEWEST_READ = 500
_DIGEST_SHOWN = 12


@dataclass(frozen=True)
class EmbeddingModel:
    """A model by what it is called, the numbers of its vectors and the digest of its files."""

    model: str
    dimension: int
    digest: str | None

    @classmethod
    def of(cls, event: MemoryStored) -> "EmbeddingModel":
        """The one that made the vector of a stored memory."""
        made = event.data.embedding
        return cls(made.model, made.dimension, made.digest)

    def is_surely(self, other: "EmbeddingModel") -> bool:
        """True where both have the same content, under whatever name; False if not known."""
        same = (self.digest, self.dimension) == (other.digest, other.dimension)
        return same and self.digest is not None

    def __str__(self) -> str:
        content = self.digest[:_DIGEST_SHOWN] if self.digest else "not recorded"
        return f"{self.model} ({self.dimension} numbers, content {content})"


@asynccontextmanager
async def the_embedding_model(
    settings: EmbedderSettings, redis: RedisClient, embedder: MicroBatchingEmbedder
) -> AsyncIterator[None]:
    """Begin only with the model that made the stored vectors, and keep others out meanwhile.

    Raises:
        InvariantBroken: what is stored was made by another, or another is in use; also later.
        Unavailable: Kafka does not answer.
    """
    admission = _Admission(settings, redis, embedder)
    await admission.admit()
    async with beside(admission.keep()):
        yield


async def made_by(embedder: Embedder, newest: list[MemoryStored]) -> bool:
    """True where the vectors of stored memories, the latest first, are those that `embedder` makes.

    Of memories from before digests were recorded the most decide: a log in which models were mixed
    in silence has one that may go on.
    """
    last = EmbeddingModel.of(newest[0])
    if last.dimension != embedder.dimension:
        return False
    if last.digest is not None and last.digest == embedder.digest:
        return True
    # After a model was adopted its own memories alone say what it is.
    own = [e for e in newest if EmbeddingModel.of(e).digest == last.digest]
    own = [e for e in own if e.data.embedding.dimension == last.dimension]
    longest = sorted(own[NEWEST_COMPARED:], key=lambda e: len(e.data.indexed_text), reverse=True)
    compared = own[:NEWEST_COMPARED] + longest[:LONGEST_COMPARED]
    vectors = await embedder.embed([e.data.indexed_text for e in compared])
    stored = np.stack([np.frombuffer(b64decode(e.data.embedding.data), "<f2") for e in compared])
    same = _cosines(vectors, stored) >= SAME_COSINE_MIN
    if last.digest is not None:
        return bool(same.all())
    return bool(2 * same.sum() + same[0] > len(same))  # the latest settles a tie


def _cosines(some: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Row by row; NaN where a vector has no direction."""
    one, other = some.astype(np.float64), others.astype(np.float64)
    with np.errstate(invalid="ignore"):
        norms = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
        cosines: np.ndarray = np.einsum("td,td->t", one, other) / norms
    return cosines


class _Admission:
    def __init__(
        self, settings: EmbedderSettings, redis: RedisClient, embedder: MicroBatchingEmbedder
    ) -> None:
        self._settings = settings
        self._redis = redis
        self._embedder = embedder
        self._key = f"{redis_prefix(settings.topic_prefix)}model"
        self._mine = EmbeddingModel(embedder.model, embedder.dimension, None)
        self._proved: EmbeddingModel | None = None

    async def admit(self) -> None:
        """Return once our model may be used."""
        digest = await self._embedder.identify()
        self._mine = EmbeddingModel(self._mine.model, self._mine.dimension, digest)
        deadline = Deadline.after(2 * LEASE_SECONDS)
        while not await self._admitted():
            if deadline.expired:
                raise await self._in_use()
            await asyncio.sleep(POLL_SECONDS)

    async def keep(self) -> None:
        """Run for ever: hold the lease.

        Raises:
            InvariantBroken: another model has got it.
        """
        while True:
            await asyncio.sleep(LEASE_SECONDS / 3)
            try:
                if self._is_ours(await self._read()):
                    await self._redis.expire(self._key, LEASE_SECONDS, xx=True)
                else:
                    await self.admit()
            except InvariantBroken as error:
                log.critical("stopping: another embedding model is in use", reason=error.message)
                raise
            except (MemoryServiceError, *REDIS_ERRORS) as error:
                log.warning("embedding model not looked at", error=repr(error))

    async def _admitted(self) -> bool:
        """True where we may go on; False while another model has the lease of an empty log."""
        known = await self._known()
        if known is not None and self._mine.is_surely(known):
            return True
        newest = await newest_memories(self._settings, count=NEWEST_READ)
        if newest:
            await self._compare(newest)
            await self._record(seconds=None)
            self._proved = known
            return True
        if known is None:
            await self._record(seconds=LEASE_SECONDS)
            known = await self._known()
        if known is None or self._is_ours(known):  # None: Redis is away
            return True
        with suppress(*REDIS_ERRORS):
            if await self._redis.ttl(self._key) < 0:  # of a log that is gone
                await self._redis.delete(self._key)
        return False

    def _is_ours(self, known: EmbeddingModel | None) -> bool:
        """True where the key names our model, or one whose vectors were found to be the same."""
        if known is None:
            return False
        return self._mine.is_surely(known) or known in (self._mine, self._proved)

    async def _compare(self, newest: list[MemoryStored]) -> None:
        stored = EmbeddingModel.of(newest[0])
        if not await made_by(self._embedder, newest):
            raise InvariantBroken(
                f"the stored vectors were made by the embedding model {stored}, and this service "
                f"has {self._mine}: set HUMAN_MEMORY_EMBEDDING_MODEL to the former again, or keep "
                "the new one for a new, empty memory under another HUMAN_MEMORY_TOPIC_PREFIX; "
                "there is no command yet that embeds anew what is stored"
            )
        if not stored.is_surely(self._mine):
            log.info("embedding model adopted by its vectors", stored=str(stored), ours=self._mine)

    async def _in_use(self) -> InvariantBroken:
        return InvariantBroken(
            f"another service that runs now has the embedding model {await self._known()}, and "
            f"this one has {self._mine}: stop the other one, or set HUMAN_MEMORY_EMBEDDING_MODEL "
            "to the same for all; nothing is stored yet"
        )

    async def _known(self) -> EmbeddingModel | None:
        """The model that the key names; None also while Redis is away: the log then decides."""
        try:
            return await self._read()
        except REDIS_ERRORS as error:
            log.warning("embedding model not read", error=repr(error))
            return None

    async def _read(self) -> EmbeddingModel | None:
        try:
            value = await self._redis.get(self._key)
            return None if value is None else EmbeddingModel(**orjson.loads(value))
        except (ValueError, TypeError) as error:
            log.warning("deleted a key that names no embedding model", error=repr(error))
            await self._redis.delete(self._key)
            return None

    async def _record(self, *, seconds: int | None) -> None:
        """Name our model in the key; over another if the log has shown that they are the same."""
        lease = seconds is not None
        with suppress(*REDIS_ERRORS):  # the log decides next time, too
            await self._redis.set(self._key, orjson.dumps(self._mine), nx=lease, ex=seconds)
