"""Each method of the client as a value: what to ask for, and what to make of the response.

Both clients and all transports share these, so they can't differ.
"""

import json
import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Generic, Literal, TypeVar
from uuid import uuid4

from human_memory import models, routes
from human_memory._client.arguments import (
    STRATEGY_PARAMETERS,
    ConceptMore,
    CorrectMore,
    DeleteMore,
    InspectMore,
    Keyed,
    LetterFilters,
    LettersMore,
    ListMore,
    MatchingMore,
    NamespacesMore,
    ReasonMore,
    RecallMore,
    RunsMore,
    SearchMore,
    StoreMore,
    UsedMore,
    Whose,
    unexpected,
)
from human_memory._client.warned import passed_on
from human_memory.exceptions import ValidationError
from human_memory.routes import Route

Repeated = Literal["safely", "unsent", "never"]
T = TypeVar("T")
U = TypeVar("U")
W = TypeVar("W", models.SearchReply, models.MemoryInfo)
BATCH_SIZE_DEFAULT = 100
_log = logging.getLogger("human_memory")
_SENDABLE = re.compile(r"[\x21-\x7e]*")
_OF_THE_BATCH = Keyed.__annotations__.keys()
_ITEM = {"content", "memory_type", "context", *StoreMore.__annotations__} - _OF_THE_BATCH


@dataclass(frozen=True, kw_only=True)
class Call(Generic[T]):
    """One request, and what the client makes of a response of that type.

    `repeated`: `safely`, as sent twice it has no other effect than sent once; `unsent`, only while
    nothing was sent; `never`, as it is about this moment. `id`: the same in all its tries.
    """

    route: Route
    response: Any
    result: Callable[[Any], T]
    fields: Mapping[str, Any]
    namespace: str | None = None
    idempotency_key: str | None = None
    repeated: Repeated = "unsent"
    id: str | None = None

    def __post_init__(self) -> None:
        check_header("namespace", self.namespace)
        check_header("idempotency_key", self.idempotency_key)

    @property
    def url(self) -> str:
        """The path to ask for, quoted."""
        return self.route.url(self.fields)

    @property
    def resource(self) -> str:
        """The resource's name in an error."""
        return self.route.shown(self.fields)

    @property
    def names_nothing(self) -> bool:
        """True where an empty text stands for what the path is to name."""
        return any(
            value == "" for name, value in self.fields.items() if f"{{{name}}}" in self.route.path
        )

    @property
    def query(self) -> dict[str, Any]:
        """The fields that go into the query string."""
        return {} if self.route.has_body else self.route.beside_path(self.fields)

    @property
    def body(self) -> Mapping[str, Any] | None:
        """The fields that go as JSON."""
        return self.fields if self.route.has_body and self.fields else None

    def giving(self, result: Callable[[T], U]) -> "Call[U]":
        """The same, with something made of its result."""
        return replace(self, result=result)  # type: ignore[arg-type, return-value] # a new type


def store(
    content: str, memory_type: str, context: str | None, more: StoreMore
) -> Call[models.MemoryCreated]:
    """A new memory."""
    given = _given(more)
    item = {"content": content, "memory_type": memory_type, "context": context or None, **given}
    return _write(routes.STORE, models.MemoryCreated, _item(item), more)


def store_batch(
    items: Sequence[Mapping[str, Any]], more: Keyed
) -> Call[list[models.MemoryCreated]]:
    """Several new memories, in one request."""
    for item in items:
        for name in sorted(item.keys() - _ITEM):
            if name in _OF_THE_BATCH:
                raise TypeError(f"give {name!r} to store_batch() itself, not to an item of it")
            raise unexpected("an item of store_batch()", name, _ITEM)
    fields = {"items": [_item(item) for item in items]}
    call = _write(routes.STORE_BATCH, models.BatchStored, fields, more)
    return call.giving(lambda stored: stored.results)


def search(
    query: str, top_k: int, min_activation: float | None, more: SearchMore
) -> Call[list[models.SearchResult]]:
    """Memories about something."""
    given = _between(_given(more))
    fields = {"query": query, "top_k": top_k, "min_activation": min_activation, **given}
    call = _call(routes.SEARCH, models.SearchReply, fields, more)
    return _counted_once(call).giving(lambda reply: _heard(reply).results)


def recall(memory_id: str, more: RecallMore) -> Call[models.MemoryInfo]:
    """One memory, which gets stronger."""
    given = _given(more)
    fields = {"memory_id": memory_id, **given}
    call = _call(routes.RECALL, models.MemoryInfo, fields, more)
    return _counted_once(call).giving(_heard)


def _heard(reply: W) -> W:
    """The same, once its warning is told: a list of results has no place for it."""
    if reply.warning is not None and not passed_on(reply.warning):
        _log.warning("%s", reply.warning)
    return reply


def inspect(memory_id: str, more: InspectMore) -> Call[models.MemoryDetail]:
    """Everything about one memory."""
    fields = {"memory_id": memory_id, **_given(more)}
    return _call(routes.INSPECT, models.MemoryDetail, fields, more)


def forget(memory_id: str, more: ReasonMore) -> Call[bool]:
    """Take a memory away. Not repeatable: a second time it is not found."""
    fields = {"memory_id": memory_id, **_given(more)}
    call = _call(routes.FORGET, models.Forgotten, fields, more, repeated="unsent")
    return call.giving(lambda forgotten: forgotten.deleted)


def restore(memory_id: str, more: ReasonMore) -> Call[models.Restored]:
    """Bring a memory back. Repeatable: an active one stays as it is."""
    fields = {"memory_id": memory_id, **_given(more)}
    return _call(routes.RESTORE, models.Restored, fields, more)


def used(memory_ids: Sequence[str], more: UsedMore) -> Call[None]:
    """Memories were of use."""
    fields = {"memory_ids": memory_ids, **_given(more)}
    return _write(routes.USED, models.Accepted, fields, more).giving(lambda _: None)


def list_page(offset: int, limit: int, more: ListMore) -> Call[models.MemoryPage]:
    """A page of the memories of a namespace."""
    given = _given(more)
    if given.get("filter") is not None:
        given["filter"] = json.dumps(given["filter"])  # it goes into the query string
    fields = {"offset": offset, "limit": limit, "type": given.pop("memory_type", None), **given}
    return _call(routes.LIST, models.MemoryPage, fields, more)


def list_items(offset: int, limit: int, more: ListMore) -> Call[list[models.MemoryItem]]:
    """The rows of such a page, without the totals."""
    return list_page(offset, limit, more).giving(lambda page: page.memories)


def supersede(memory_id: str, superseded_by: str, taken_back: bool, more: Keyed) -> Call[None]:
    """A newer memory holds instead of an older one, or no longer does."""
    ids = {"memory_id": memory_id, "superseded_by": superseded_by}
    fields = {**ids, "reversed": taken_back, **_given(more)}
    return _write(routes.SUPERSEDE, models.Accepted, fields, more).giving(lambda _: None)


def correct(memory_id: str, content: str | None, more: CorrectMore) -> Call[models.MemoryDetail]:
    """A memory that says something else. A reversal is not repeatable: it takes back the latest."""
    given = _given(more)
    fields = {"memory_id": memory_id, "content": content, **given}
    call = _write(routes.CORRECT, models.MemoryDetail, fields, more)
    return _unsent(call) if given.get("reversed") else call


def forget_matching(everything: bool, dry_run: bool, more: MatchingMore) -> Call[int]:
    """Memories that meet conditions, forgotten. A second try would count only what is left."""
    given = _between(_given(more))
    fields = {"all": everything, "dry_run": dry_run, **given}
    call = _write(routes.FORGET_MATCHING, models.ForgottenMany, fields, more)
    call = call if dry_run else _unsent(call)
    return call.giving(lambda forgotten: forgotten.count)


def runs(more: RunsMore) -> Call[list[models.Run]]:
    """Runs of maintenance, newest first."""
    call = _call(routes.RUNS, models.Runs, _given(more), more)
    return call.giving(lambda found: found.runs)


def start_run(job: str, parameters: Mapping[str, Any], more: Keyed) -> Call[models.RunReport]:
    """A run of a job, now."""
    fields = {"job": job, "parameters": parameters, **_given(more)}
    return _write(routes.START_RUN, models.RunReport, fields, more)


def get_run(run_id: str, whose: Whose) -> Call[models.Run]:
    """The progress of a run, or its report."""
    return _call(routes.GET_RUN, models.Run, {"run_id": run_id}, whose)


def cancel_run(run_id: str, whose: Whose) -> Call[models.RunReport]:
    """Stop a run. Not repeatable: a second time it is not at work."""
    fields = {"run_id": run_id}
    return _call(routes.CANCEL_RUN, models.RunReport, fields, whose, repeated="unsent")


def undo_run(run_id: str, whose: Whose) -> Call[models.RunReport]:
    """Take back a run. Repeatable: what is undone stays so."""
    return _call(routes.UNDO_RUN, models.RunReport, {"run_id": run_id}, whose)


def parameters(whose: Whose) -> Call[models.NamespaceParameters]:
    """The model's parameters that hold."""
    return _call(routes.PARAMETERS, models.NamespaceParameters, {}, whose)


def set_parameters(values: Mapping[str, float], more: Keyed) -> Call[None]:
    """Parameters; all that are not named get their defaults."""
    fields = {"parameters": values, **_given(more)}
    return _write(routes.SET_PARAMETERS, models.Accepted, fields, more).giving(lambda _: None)


def namespaces(more: NamespacesMore) -> Call[models.Namespaces]:
    """The namespaces there are."""
    fields = _given(more)
    return _call(routes.NAMESPACES, models.Namespaces, fields, {})


def rebuild() -> Call[models.Rebuild]:
    """The progress of a rebuild."""
    return _call(routes.REBUILD, models.Rebuild, {}, {})


def dead_letters(last: int, more: LettersMore) -> Call[list[models.DeadLetter]]:
    """The newest dead letters."""
    fields = {"last": last, **_given(more)}
    call = _call(routes.DEAD_LETTERS, models.DeadLetters, fields, {})
    return call.giving(lambda found: found.dead_letters)


def get_dead_letter(place: str) -> Call[models.DeadLetter]:
    """One dead letter."""
    return _call(routes.GET_DEAD_LETTER, models.DeadLetter, {"place": place}, {})


def replay_dead_letters(
    places: Sequence[str], everything: bool, again: bool, more: LetterFilters
) -> Call[list[models.SentBack]]:
    """Dead letters, sent again. A second try would refuse what the first has sent."""
    filters = _given(more)
    fields = {"places": places, "all": everything, "again": again, **filters}
    call = _unsent(_write(routes.REPLAY_DEAD_LETTERS, models.Replayed, fields, {}))
    return call.giving(lambda done: done.replayed)


def discard_dead_letters(
    places: Sequence[str], everything: bool, more: LetterFilters
) -> Call[list[str]]:
    """Dead letters that are done with. A second try would name only what is left."""
    filters = _given(more)
    fields = {"places": places, "all": everything, **filters}
    call = _unsent(_write(routes.DISCARD_DEAD_LETTERS, models.Discarded, fields, {}))
    return call.giving(lambda done: done.discarded)


def working_memory(whose: Whose) -> Call[list[models.WorkingMemoryItem]]:
    """The memories in focus."""
    call = _call(routes.WORKING_MEMORY, models.WorkingMemory, {}, whose)
    return call.giving(lambda focus: focus.memories)


def add_concept(name: str, kind: str, activation: float, more: ConceptMore) -> Call[models.Concept]:
    """A concept, new or overwritten."""
    given = _given(more)
    fields = {"name": name, "type": kind, "activation": activation, **given}
    return _write(routes.ADD_CONCEPT, models.Concept, fields, more)


def get_concept(name: str, whose: Whose) -> Call[models.Concept]:
    """A concept with its relations."""
    return _call(routes.GET_CONCEPT, models.Concept, {"name": name}, whose)


def rename_concept(name: str, new_name: str, more: Keyed) -> Call[models.Concept]:
    """A concept under another name."""
    fields = {"name": name, "new_name": new_name}
    return _write(routes.RENAME_CONCEPT, models.Concept, fields, more)


def merge_concept(name: str, into: str, more: Keyed) -> Call[models.Concept]:
    """The concept that another one is merged into."""
    return _write(routes.MERGE_CONCEPT, models.Concept, {"name": name, "into": into}, more)


def delete_concept(name: str, more: DeleteMore) -> Call[None]:
    """A concept that is no more. Not repeatable: a second time it is not found."""
    fields = {"name": name, **_given(more)}
    call = _unsent(_write(routes.DELETE_CONCEPT, models.Accepted, fields, more))
    return call.giving(lambda _: None)


def delete_namespace(confirm: str, more: DeleteMore) -> Call[None]:
    """A namespace that is no more."""
    fields = {"confirm": confirm, **_given(more)}
    return _write(routes.DELETE_NAMESPACE, models.Accepted, fields, more).giving(lambda _: None)


def add_relation(relation: Mapping[str, Any], more: Keyed) -> Call[models.Relation]:
    """A relation, new or with another weight."""
    return _write(routes.ADD_RELATION, models.Relation, relation, more)


def spread(
    concepts: Sequence[str], depth: int, limit: int, whose: Whose
) -> Call[list[models.SpreadResult]]:
    """Concepts near others."""
    fields = {"active_concepts": concepts, "depth": depth, "limit": limit}
    return _call(routes.SPREAD, list[models.SpreadResult], fields, whose)


def export_graph(limit: int, whose: Whose) -> Call[models.Graph]:
    """Concepts and the relations among them."""
    return _call(routes.EXPORT_GRAPH, models.Graph, {"limit": limit}, whose)


def decay(whose: Whose) -> Call[models.DecayReport]:
    """A decay run, now."""
    return _write(routes.DECAY, models.DecayReport, {}, whose)


def consolidate(whose: Whose) -> Call[models.ConsolidationReport]:
    """A consolidation, now."""
    return _write(routes.CONSOLIDATE, models.ConsolidationReport, {}, whose)


def forget_strategy(strategy: str, params: Mapping[str, Any]) -> Call[models.ForgetReport]:
    """A way of forgetting, applied now. `namespace` is whose, not one of its parameters."""
    rest = dict(params)
    whose: Any = {"namespace": rest.pop("namespace", None)}
    # A server by the published contract passes over what it does not know.
    known = STRATEGY_PARAMETERS.get(strategy, rest)
    for name in rest.keys() - known:
        raise unexpected(f"forget_strategy({strategy!r})", name, known)
    fields = {"strategy": strategy, "params": rest}
    return _write(routes.FORGET_STRATEGY, models.ForgetReport, fields, whose)


def stats(whose: Whose) -> Call[models.Stats]:
    """Counts."""
    return _call(routes.STATS, models.Stats, {}, whose)


def ready() -> Call[dict[str, str]]:
    """The state of each part. Never repeated: the caller wants to know it now."""
    call = _call(routes.READY, models.Readiness, {}, {}, repeated="never")
    return call.giving(lambda readiness: readiness.checks)


def check_header(name: str, value: str | None) -> None:
    """Refuse what no header over HTTP can hold, also over the bus.

    Raises:
        ValidationError: the text does not show the value, which may be a key.
    """
    if value is not None and not _SENDABLE.fullmatch(value):
        raise ValidationError(f"{name}: must be visible ASCII characters, without blanks")


def batches(items: Iterable[T], size: int | None) -> Iterator[list[T]]:
    """Runs of at most `size` items, None being the usual size.

    >>> list(batches("abcde", 2))
    [['a', 'b'], ['c', 'd'], ['e']]
    """
    size = BATCH_SIZE_DEFAULT if size is None else size
    if size < 1:
        raise ValidationError(f"batch_size: at least 1, not {size}")
    left = iter(items)
    while batch := list(islice(left, size)):
        yield batch


def _call(
    route: Route,
    response: type[T],
    fields: Mapping[str, Any],
    given: Mapping[str, Any],
    *,
    repeated: Repeated = "safely",
) -> Call[T]:
    """A call with the fields that are not None; whose memory, and the key, are among `given`."""
    return Call(
        route=route,
        response=response,
        result=lambda answer: answer,
        fields=_wire(fields),
        namespace=given.get("namespace"),
        idempotency_key=given.get("idempotency_key"),
        repeated=repeated,
    )


def _write(
    route: Route, response: type[T], fields: Mapping[str, Any], given: Mapping[str, Any]
) -> Call[T]:
    """With a key, ours if need be, so that a lost reply is asked for again without harm."""
    key = given.get("idempotency_key")
    keyed = {**given, "idempotency_key": uuid4().hex if key is None else key}
    return _call(route, response, fields, keyed)


def _item(given: Mapping[str, Any]) -> dict[str, Any]:
    """A memory to store, as it goes over the wire."""
    fields = _wire(given)
    if sources := fields.get("derived_from"):
        fields["derived_from"] = [
            {"memory_id": each} if isinstance(each, str) else each for each in sources
        ]
    return fields


def _given(more: Mapping[str, Any]) -> dict[str, Any]:
    """The fields among what was given by name."""
    fields = {name: value for name, value in more.items() if name not in _OF_THE_BATCH}
    if fields.get("context") == "":
        del fields["context"]
    return fields


def _counted_once(call: Call[T]) -> Call[T]:
    """The same, strengthening what it finds once: the server knows all its tries by their id."""
    return replace(call, id=uuid4().hex)


def _unsent(call: Call[T]) -> Call[T]:
    """The same, repeated only while nothing was sent: its answer depends on what it did before."""
    return replace(call, repeated="unsent")


def _between(given: dict[str, Any]) -> dict[str, Any]:
    """The fields with the contract's names for times."""
    for ours, wire in (("since", "created_after"), ("until", "created_before")):
        given[wire] = given.pop(ours, None)
    return given


def _wire(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _value(value) for name, value in given.items() if value is not None}


def _value(value: Any) -> Any:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise TypeError("a time needs its zone: use datetime.now(UTC), or text with a zone")
        ahead = value.utcoffset() or timedelta()
        whole = not ahead % timedelta(minutes=1)  # as RFC 3339 has them
        there = value if whole else value.astimezone(UTC)
        return there.isoformat().replace("+00:00", "Z")
    if isinstance(value, tuple):
        return list(value)
    return value
