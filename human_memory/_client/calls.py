"""Each method of the client as a value: what to send, and how to read the answer.

Both clients and all transports share these, so they can't differ.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Generic, TypedDict, TypeVar
from uuid import uuid4

from human_memory import routes
from human_memory.exceptions import ValidationError
from human_memory.models import (
    Concept,
    ConsolidationReport,
    DecayReport,
    ForgetReport,
    Graph,
    MemoryCreated,
    MemoryDetail,
    MemoryInfo,
    MemoryItem,
    MemoryPage,
    Relation,
    Restored,
    SearchResult,
    SpreadResult,
    Stats,
    WorkingMemoryItem,
)
from human_memory.routes import Route

T = TypeVar("T")
Moment = datetime | str
BATCH_SIZE_DEFAULT = 100
_SENDABLE = re.compile(r"[\x21-\x7e]*")


class StoreMore(TypedDict, total=False):
    """What `store` takes beyond the published client's arguments, by name."""

    tags: Sequence[str]
    metadata: Mapping[str, Any]
    session: str
    speaker: str
    pinned: bool
    occurred_at: Moment
    idempotency_key: str
    namespace: str


class SearchMore(TypedDict, total=False):
    """What `search` takes beyond the published client's arguments, by name."""

    types: Sequence[str]
    tags: Sequence[str]
    since: Moment
    until: Moment
    as_of: Moment
    context: str
    active_concepts: Sequence[str]
    record_access: bool
    include_decayed: bool
    noise: bool
    seed: int
    explain: bool
    idempotency_key: str
    namespace: str


_OF_THE_BATCH = {"idempotency_key", "namespace"}
_ITEM = {"content", "memory_type", "context", *StoreMore.__annotations__} - _OF_THE_BATCH


class ListMore(TypedDict, total=False):
    """What `list` and `page` take to filter, by name."""

    cursor: str
    status: str
    memory_type: str
    tag: str
    as_of: Moment
    namespace: str


class ConceptMore(TypedDict, total=False):
    """What the graph's writing methods take beyond the published client's, by name."""

    aliases: Sequence[str]
    idempotency_key: str
    namespace: str


class RelationMore(TypedDict, total=False):
    """What `add_relation` takes beyond the published client's arguments, by name."""

    idempotency_key: str
    namespace: str


@dataclass(frozen=True, kw_only=True)
class Call(Generic[T]):
    """One request. `repeatable`: sent twice it has no other effect than sent once."""

    route: Route
    parse: Callable[[Any], T]
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    namespace: str | None = None
    idempotency_key: str | None = None
    repeatable: bool = False

    def __post_init__(self) -> None:
        check_header("namespace", self.namespace)
        check_header("idempotency_key", self.idempotency_key)

    @property
    def url(self) -> str:
        """The path to ask for, quoted."""
        return self.route.url(**self.path)

    @property
    def resource(self) -> str:
        """What an error calls it."""
        return self.route.shown(**self.path)


def store(
    content: str, memory_type: str, context: str | None, more: StoreMore
) -> Call[MemoryCreated]:
    """A new memory."""
    rest = _known(more, StoreMore, "store")
    key, namespace = rest.pop("idempotency_key", None), rest.pop("namespace", None)
    body = {"content": content, "memory_type": memory_type, **_context(context), **rest}
    return _write(routes.STORE, MemoryCreated.model_validate, body, (namespace, key))


def store_batch(
    items: Sequence[Mapping[str, Any]], *, idempotency_key: str | None, namespace: str | None
) -> Call[list[MemoryCreated]]:
    """Several new memories, in one request."""
    return _write(
        routes.STORE_BATCH,
        lambda answer: [MemoryCreated.model_validate(row) for row in answer["results"]],
        {"items": [_item(item) for item in items]},
        (namespace, idempotency_key),
    )


def search(
    query: str, top_k: int, min_activation: float | None, more: SearchMore
) -> Call[list[SearchResult]]:
    """What is remembered about something."""
    rest = _known(more, SearchMore, "search")
    namespace, key = rest.pop("namespace", None), rest.pop("idempotency_key", None)
    for ours, wire in (("since", "created_after"), ("until", "created_before")):
        if ours in rest:
            rest[wire] = rest.pop(ours)
    body = {"query": query, "top_k": top_k, **rest}
    if min_activation is not None:
        body["min_activation"] = min_activation
    looks_only = rest.get("record_access") is False or "as_of" in rest
    return Call(
        route=routes.SEARCH,
        parse=lambda answer: [SearchResult.model_validate(row) for row in answer["results"]],
        body=body,
        namespace=namespace,
        idempotency_key=key,
        repeatable=looks_only or key is not None,
    )


def recall(memory_id: str, context: str | None, namespace: str | None) -> Call[MemoryInfo]:
    """One memory, which gets stronger."""
    return Call(
        route=routes.RECALL,
        parse=MemoryInfo.model_validate,
        path={"memory_id": memory_id},
        query=_context(context),
        namespace=namespace,
    )


def inspect(memory_id: str, namespace: str | None) -> Call[MemoryDetail]:
    """Everything about one memory."""
    return Call(
        route=routes.INSPECT,
        parse=MemoryDetail.model_validate,
        path={"memory_id": memory_id},
        namespace=namespace,
        repeatable=True,
    )


def forget(memory_id: str, namespace: str | None) -> Call[bool]:
    """Take a memory away. Not repeatable: a second time it is not found."""
    return Call(
        route=routes.FORGET,
        parse=lambda answer: bool(answer["deleted"]),
        path={"memory_id": memory_id},
        namespace=namespace,
    )


def restore(memory_id: str, namespace: str | None) -> Call[Restored]:
    """Bring a memory back. Repeatable: an active one stays as it is."""
    return Call(
        route=routes.RESTORE,
        parse=Restored.model_validate,
        path={"memory_id": memory_id},
        namespace=namespace,
        repeatable=True,
    )


def used(memory_ids: Sequence[str], context: str | None, namespace: str | None) -> Call[bool]:
    """Memories were of use."""
    body = {"memory_ids": list(memory_ids), **_context(context)}
    return _write(routes.USED, lambda answer: bool(answer["accepted"]), body, (namespace, None))


def list_page(offset: int, limit: int, more: ListMore) -> Call[MemoryPage]:
    """A page of the memories of a namespace."""
    rest = _known(more, ListMore, "list")
    namespace = rest.pop("namespace", None)
    if "memory_type" in rest:
        rest["type"] = rest.pop("memory_type")
    return Call(
        route=routes.LIST,
        parse=MemoryPage.model_validate,
        query={"offset": offset, "limit": limit, **rest},
        namespace=namespace,
        repeatable=True,
    )


def list_items(offset: int, limit: int, more: ListMore) -> Call[list[MemoryItem]]:
    """The rows of such a page, without the totals."""
    page = list_page(offset, limit, more)
    return Call(
        route=page.route,
        parse=lambda answer: page.parse(answer).memories,
        query=page.query,
        namespace=page.namespace,
        repeatable=True,
    )


def working_memory(namespace: str | None) -> Call[list[WorkingMemoryItem]]:
    """What is in focus."""
    return Call(
        route=routes.WORKING_MEMORY,
        parse=lambda answer: [WorkingMemoryItem.model_validate(row) for row in answer["memories"]],
        namespace=namespace,
        repeatable=True,
    )


def add_concept(name: str, kind: str, activation: float, more: ConceptMore) -> Call[Concept]:
    """A concept, new or overwritten."""
    rest = _known(more, ConceptMore, "add_concept")
    namespace, key = rest.pop("namespace", None), rest.pop("idempotency_key", None)
    body = {"name": name, "type": kind, "activation": activation, **rest}
    return _write(routes.ADD_CONCEPT, Concept.model_validate, body, (namespace, key))


def get_concept(name: str, namespace: str | None) -> Call[Concept]:
    """A concept with its relations."""
    return Call(
        route=routes.GET_CONCEPT,
        parse=Concept.model_validate,
        path={"name": name},
        namespace=namespace,
        repeatable=True,
    )


def add_relation(relation: Mapping[str, Any], more: RelationMore) -> Call[Relation]:
    """A relation, new or with another weight."""
    rest = _known(more, RelationMore, "add_relation")
    namespace, key = rest.pop("namespace", None), rest.pop("idempotency_key", None)
    return _write(routes.ADD_RELATION, Relation.model_validate, relation, (namespace, key))


def spread(
    concepts: Sequence[str], depth: int, limit: int, namespace: str | None
) -> Call[list[SpreadResult]]:
    """Concepts near others."""
    return Call(
        route=routes.SPREAD,
        parse=lambda answer: [SpreadResult.model_validate(row) for row in answer],
        body={"active_concepts": list(concepts), "depth": depth, "limit": limit},
        namespace=namespace,
        repeatable=True,
    )


def export_graph(limit: int, namespace: str | None) -> Call[Graph]:
    """Concepts and the relations among them."""
    return Call(
        route=routes.EXPORT_GRAPH,
        parse=Graph.model_validate,
        query={"limit": limit},
        namespace=namespace,
        repeatable=True,
    )


def decay(namespace: str | None) -> Call[DecayReport]:
    """A decay run, now."""
    return _write(routes.DECAY, DecayReport.model_validate, None, (namespace, None))


def consolidate(namespace: str | None) -> Call[ConsolidationReport]:
    """A consolidation, now."""
    return _write(routes.CONSOLIDATE, ConsolidationReport.model_validate, None, (namespace, None))


def forget_strategy(strategy: str, params: Mapping[str, Any]) -> Call[ForgetReport]:
    """A way of forgetting, applied now. `namespace` is whose, not one of its parameters."""
    rest = dict(params)
    namespace = rest.pop("namespace", None)
    body = {"strategy": strategy, "params": rest}
    return _write(routes.FORGET_STRATEGY, ForgetReport.model_validate, body, (namespace, None))


def stats(namespace: str | None) -> Call[Stats]:
    """Counts."""
    return Call(
        route=routes.STATS, parse=Stats.model_validate, namespace=namespace, repeatable=True
    )


def ready() -> Call[dict[str, str]]:
    """What works."""
    return Call(
        route=routes.READY,
        parse=lambda answer: {str(k): str(v) for k, v in answer["checks"].items()},
        repeatable=False,  # whoever asks this wants to know it now
    )


def check_header(name: str, value: str | None) -> None:
    """What goes into a header over HTTP is what can be in one, also over the bus.

    Raises:
        ValidationError: it is not. The text does not show the value, which may be a key.
    """
    if value is not None and not _SENDABLE.fullmatch(value):
        raise ValidationError(f"{name}: must be visible ASCII characters, without blanks")


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Runs of at most `size` items.

    >>> list(batches("abcde", 2))
    [['a', 'b'], ['c', 'd'], ['e']]
    """
    if size < 1:
        raise ValidationError(f"batch_size: at least 1, not {size}")
    left = iter(items)
    while batch := list(islice(left, size)):
        yield batch


def _write(
    route: Route,
    parse: Callable[[Any], T],
    body: Mapping[str, Any] | None,
    whose: tuple[str | None, str | None],
) -> Call[T]:
    """With a key, ours if need be, so that a lost reply is asked for again without harm."""
    namespace, key = whose
    return Call(
        route=route,
        parse=parse,
        body=body,
        namespace=namespace,
        idempotency_key=key if key is not None else uuid4().hex,
        repeatable=True,
    )


def _item(given: Mapping[str, Any]) -> dict[str, Any]:
    """One of a batch: as `store` takes it, but whose it is and its key are the batch's."""
    if unknown := sorted(given.keys() - _ITEM):
        whose = "; give it to store_batch() itself" if unknown[0] in _OF_THE_BATCH else ""
        raise TypeError(f"an item of store_batch() can't have {unknown[0]!r}{whose}")
    return _wire(given)


def _context(context: str | None) -> dict[str, str]:
    return {"context": context} if context else {}


def _known(given: Mapping[str, Any], kind: type, method: str) -> dict[str, Any]:
    """What was given and is not None, as it goes over the wire."""
    if unknown := sorted(given.keys() - kind.__annotations__.keys()):
        raise TypeError(f"{method}() got an unexpected keyword argument {unknown[0]!r}")
    return _wire(given)


def _wire(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _value(value) for name, value in given.items() if value is not None}


def _value(value: Any) -> Any:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise TypeError("a time needs its zone: use datetime.now(UTC), or text with a zone")
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, tuple):
        return list(value)
    return value
