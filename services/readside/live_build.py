"""Reads of the build that is live: few round trips, and never of a read side that is behind."""

from collections.abc import Callable
from typing import Any

from redis.exceptions import ResponseError

from human_memory.bus.producer import partition_of
from schemas.errors import DeadlineExceeded, InvariantBroken, Unavailable
from services.common.redis import REDIS_ERRORS, RedisClient, Word, execute
from services.readside.fold_version import unreadable
from services.readside.layout import Control, Layout

Commands = list[list[Word]]
Queue = Callable[[Layout], Commands]


class LiveBuild:
    """The live build of each partition. Every method raises Unavailable while there is none."""

    def __init__(self, redis: RedisClient, prefix: str, *, partitions: int) -> None:
        self._redis = redis
        self._prefix = prefix
        self._partitions = partitions
        self._versions: dict[int, int] = {}

    def partition(self, namespace: str) -> int:
        """The partition that holds a namespace whole."""
        return partition_of(namespace.encode(), self._partitions)

    def version(self, partition: int) -> int:
        """The version that was live when it was last read."""
        return self._versions.get(partition, 1)

    async def cursor(self, partition: int) -> int:
        """The number of folded records of a partition, also while the read side is rebuilt."""
        cursor, _ = await self.read(partition, lambda layout: [], answering=False)
        return cursor

    async def read(
        self, partition: int, queue: Queue, *, answering: bool = True, atomic: bool = False
    ) -> tuple[int, list[Any]]:
        """Run commands in one round trip; the cursor, read before them, and their replies.

        `answering`: refuse while the read side is being rebuilt after a loss. `atomic`: no write
        comes between the reads.
        """
        control = Control(self._prefix, partition)
        try:
            while True:
                version = self.version(partition)
                layout = Layout(self._prefix, version, partition)
                head: list[Word] = [
                    "MGET",
                    control.live,
                    layout.cursor,
                    control.target,
                    layout.fold,
                ]
                commands = [head, *queue(layout)]
                if atomic:
                    *_, replies = await execute(self._redis, [["MULTI"], *commands, ["EXEC"]])
                else:
                    replies = await execute(self._redis, commands)
                _raise_first(replies if isinstance(replies, Exception) else replies[0])
                (live, cursor, target, fold), *rest = replies
                if live is not None and int(live) != version:
                    self._versions[partition] = int(live)
                    continue
                if live is None or cursor is None:
                    raise Unavailable(
                        "the read side is empty; the projection is about to rebuild it"
                    )
                break
            self._versions[partition] = version
            at, goal = int(cursor), int(target or 0)
            if answering and (reason := unreadable(int(fold or 0))):
                raise Unavailable(f"{reason}; ask again")
            if answering and at < goal:
                raise Unavailable(
                    f"the read side is being rebuilt: {at:,} of {goal:,} events; ask again"
                )
            _raise_first(*rest)
        except REDIS_ERRORS as error:
            raise _unavailable(error) from error
        return at, rest

    async def records(
        self, namespace: str, ids: list[str], cursor: int
    ) -> tuple[int, list[bytes | None]]:
        """Records of memories, and the cursor at that instant.

        Raises:
            Unavailable: the read side stands before `cursor`, where an earlier read found it.
        """
        if not ids:
            return cursor, []
        partition = self.partition(namespace)
        layout = Layout(self._prefix, self.version(partition), partition)
        prefix = layout.record(namespace, "")
        try:
            words: list[Word] = ["MGET", layout.cursor, *[prefix + each for each in ids]]
            (reply,) = await execute(self._redis, [words])
            _raise_first(reply)
        except REDIS_ERRORS as error:
            raise _unavailable(error) from error
        at, *records = reply
        if int(at or 0) < cursor:
            raise Unavailable("the read side fell back while it was read; ask again")
        return int(at or 0), records


def position_of(partition: int, cursor: int) -> str | None:
    """The last event that an answer has seen, as `after` takes it; None if there is none yet."""
    return f"{partition}:{cursor - 1}" if cursor else None


def _raise_first(*replies: Any) -> None:
    for reply in replies:
        if isinstance(reply, Exception):
            raise reply


def _unavailable(error: Exception) -> Exception:
    text = str(error)
    if isinstance(error, ResponseError) and "no such index" not in text.lower():
        if "timeout" in text.lower():
            return DeadlineExceeded("the search index took too long; ask for less")
        if not text.startswith(("LOADING", "BUSY", "OOM", "READONLY", "MASTERDOWN")):
            return InvariantBroken(f"Redis refused a read: {text}")
    return Unavailable(f"Redis does not answer ({type(error).__name__}); ask again")
