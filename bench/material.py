"""The texts that are stored and asked: the same for a measurement and for its bound."""

from dataclasses import dataclass
from itertools import cycle, islice

from bench.rows import ROWS, Row
from bench.texts import Conversation, Recombiner
from schemas.inbox import Store
from services.ingest.domain import indexed_text

SEARCHED_NAMESPACE = "bench/searched"
SEARCHED_MEMORIES = 2_000
LARGE_NAMESPACE = "bench/large"
LARGE_MEMORIES = 10_000
# Conversations of so many turns, two a day, a minute from one turn to the next.
SESSION_TURNS = 20
SESSION_MS = 12 * 3_600_000
TURN_MS = 60_000
# Stores go to several namespaces, as those of several agents would; none is searched.
STORED_NAMESPACES = 8
CACHED_QUERIES = 200
CACHED_MEMORIES = 1_000


@dataclass(frozen=True)
class Memory:
    """A store, and the text of it that ingest embeds."""

    store: Store
    text: str


Item = str | Memory


class Material:
    """Queries and memories of a run, from one seed."""

    def __init__(self, conversation: Conversation, *, seed: int, now_ms: int) -> None:
        self._queries = Recombiner(conversation.questions, seed=seed)
        self._memories = Recombiner(conversation.turns, seed=seed)
        self._speakers = conversation.speakers
        self._now_ms = now_ms
        self.searched = self._new_memories(SEARCHED_MEMORIES, [SEARCHED_NAMESPACE])
        self.cached_queries = self._queries.take(CACHED_QUERIES)
        self.cached_memories = self._new_memories(CACHED_MEMORIES, _stored_namespaces())

    def for_round(self, rows: tuple[Row, ...] = ROWS) -> dict[str, list[Item]]:
        """By row, what it embeds, searches or stores; rows that share texts get the same ones."""
        items: dict[str, list[Item]] = {}
        for row in rows:
            if row.needs_new_texts:
                items[row.key] = self._new(row)
            elif row.kind == "search":
                items[row.key] = list(islice(cycle(self.cached_queries), row.count))
            elif row.kind == "store":
                items[row.key] = list(islice(cycle(self.cached_memories), row.count))
        for row in rows:
            if row.texts_of:
                items[row.key] = items[row.texts_of]
        return items

    def large(self, count: int = LARGE_MEMORIES) -> list[Memory]:
        """Memories of the large namespace, oldest first, in sessions; new ones at each call."""
        sessions = -(-count // SESSION_TURNS)
        memories = []
        for i, content in enumerate(self._memories.take(count)):
            session, turn = divmod(i, SESSION_TURNS)
            occurred_ms = self._now_ms - (sessions - session) * SESSION_MS + turn * TURN_MS
            store = Store(
                namespace=LARGE_NAMESPACE,
                content=content,
                speaker=self._speakers[i % len(self._speakers)],
                session=f"session-{session}",
                occurred_at=occurred_ms,
                idempotency_key=f"large-{i}",
            )
            memories.append(Memory(store, indexed_text(store, occurred_ms)))
        return memories

    def _new(self, row: Row) -> list[Item]:
        if row.kind == "search":
            return list(self._queries.take(row.count))
        return list(self._new_memories(row.count, _stored_namespaces()))

    def _new_memories(self, count: int, namespaces: list[str]) -> list[Memory]:
        return [
            self._memory(content, namespaces[i % len(namespaces)], i)
            for i, content in enumerate(self._memories.take(count))
        ]

    def _memory(self, content: str, namespace: str, i: int) -> Memory:
        store = Store(
            namespace=namespace,
            content=content,
            speaker=self._speakers[i % len(self._speakers)],
            # One date for all: it is a part of the text that is embedded and cached.
            occurred_at=self._now_ms,
        )
        return Memory(store, indexed_text(store, self._now_ms))


def _stored_namespaces() -> list[str]:
    return [f"bench/stored-{i}" for i in range(STORED_NAMESPACES)]
