"""Deterministic ids: what caused a thing names it, so delivering a cause twice changes nothing."""

from functools import lru_cache
from uuid import UUID, uuid5

HUMAN_MEMORY = UUID("6f3c1d1e-7d0b-5b57-9c55-3f1f3c0a5a61")
_SEPARATOR = "\x1f"


@lru_cache(maxsize=4096)  # the ids of one command are asked for up to three times on its way
def derive(*parts: str | int) -> UUID:
    """uuid5 over the project's one namespace and the parts joined by U+001F."""
    return uuid5(HUMAN_MEMORY, _SEPARATOR.join(map(str, parts)))


def in_key(namespace: str) -> str:
    """A namespace as one of several parts of a key that colons tell apart.

    >>> in_key("user:42")
    'user%3A42'
    """
    return namespace.replace(":", "%3A")  # no namespace has a per cent sign


def cause_of_key(namespace: str, idempotency_key: str) -> UUID:
    """The cause, and for a `store` the memory id, where the producer gave a key."""
    return derive(namespace, idempotency_key)


def cause_of_record(topic: str, partition: int, offset: int, timestamp_ms: int) -> UUID:
    """The cause, and for a `store` the memory id, where it gave none: the record itself.

    The broker's time is part of it, so that a topic deleted and created anew gives new ids.
    """
    return derive(topic, partition, offset, timestamp_ms)


def cause_of_replay(namespace: str, replayed_from: str) -> UUID:
    """The cause of a dead letter that was sent back: the same however often that is done.

    The namespace is part of it, since any sender may write that header.
    """
    return derive(namespace, "replayed", replayed_from)


def event_id(cause: UUID, event_type: str, index: int = 0) -> UUID:
    """Id of the `index`-th event of one type that `cause` led to."""
    return derive(str(cause), event_type, index)


def run_id(job: str, namespace: str, slot_ms: int) -> UUID:
    """The id of a scheduled run: the same whichever instance takes up its slot, however often."""
    return derive("run", job, namespace, slot_ms)


def run_id_of_key(job: str, namespace: str, idempotency_key: str) -> UUID:
    """A run that was asked for under a key: asked for again, it is the same run."""
    return derive("run", "key", job, namespace, idempotency_key)


def effect_id(run: UUID, subject: UUID | str, event_type: str, index: int = 0) -> UUID:
    """Id of the event of one type that a run led to for a memory: repeated, it is the same."""
    return event_id(derive("effect", str(run), str(subject)), event_type, index)


def query_cause(namespace: str, query_id: UUID) -> UUID:
    """The cause of the accesses of a query: a retry keeps its query id, so it counts once."""
    return derive(namespace, "query", str(query_id))
