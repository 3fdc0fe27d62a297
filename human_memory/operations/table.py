"""The table of operations: their routes, functions and rights. All faces come from it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, get_type_hints

from pydantic import TypeAdapter

from human_memory import routes
from human_memory.operations import (
    dead_letters,
    graph,
    installation,
    maintenance,
    memories,
    selecting,
    system,
)
from human_memory.operations.context import RequestContext
from human_memory.operations.examples import ANSWERS
from human_memory.operations.requests import ApiRequest
from human_memory.routes import Route

Right = Literal["read", "write", "admin"]


@dataclass(frozen=True)
class Operation:
    """One operation. What it takes and gives is what its function says."""

    route: Route
    perform: Callable[[Any, RequestContext], Awaitable[Any]]
    right: Right
    # About all namespaces: what a key for some of them does not open.
    everywhere: bool = False

    @cached_property
    def request(self) -> type[ApiRequest]:
        """The model of its request."""
        request: type[ApiRequest] = get_type_hints(self.perform)["request"]
        return request

    @cached_property
    def response(self) -> Any:
        """The type of its answer: a model, or a list of one."""
        return get_type_hints(self.perform)["return"]

    @cached_property
    def json(self) -> TypeAdapter[Any]:
        """Writes its answer."""
        return TypeAdapter(self.response)

    @property
    def example(self) -> Any:
        """An answer, as JSON."""
        return ANSWERS[self.route]

    @property
    def has_body(self) -> bool:
        """True where a request carries JSON."""
        return self.route.has_body and bool(self.request.model_fields)


# The first match counts, and each that is tried takes its time: what is asked most comes first.
_ALL = (
    Operation(routes.STORE, memories.store, "write"),
    # Searching reads, though it strengthens what it finds.
    Operation(routes.SEARCH, memories.search, "read"),
    Operation(routes.RECALL, memories.recall, "read"),
    Operation(routes.STORE_BATCH, memories.store_batch, "write"),
    Operation(routes.LIST, memories.list_memories, "read"),
    Operation(routes.DECAY, maintenance.decay, "admin"),
    Operation(routes.FORGET_STRATEGY, maintenance.forget_strategy, "admin"),
    Operation(routes.USED, memories.used, "write"),
    Operation(routes.INSPECT, memories.inspect, "read"),
    Operation(routes.RESTORE, memories.restore, "write"),
    Operation(routes.FORGET, memories.forget, "write"),
    Operation(routes.WORKING_MEMORY, maintenance.working_memory, "read"),
    Operation(routes.ADD_CONCEPT, graph.add_concept, "write"),
    Operation(routes.GET_CONCEPT_BY_QUERY, graph.get_concept, "read"),
    Operation(routes.GET_CONCEPT, graph.get_concept, "read"),
    Operation(routes.RENAME_CONCEPT, graph.rename_concept, "write"),
    Operation(routes.MERGE_CONCEPT, graph.merge_concept, "write"),
    Operation(routes.DELETE_CONCEPT, graph.delete_concept, "write"),
    Operation(routes.ADD_RELATION, graph.add_relation, "write"),
    Operation(routes.SPREAD, graph.spread, "read"),
    Operation(routes.CONSOLIDATE, maintenance.consolidate, "admin"),
    Operation(routes.EXPORT_GRAPH, graph.export_graph, "read"),
    Operation(routes.STATS, memories.stats, "read"),
    Operation(routes.SUPERSEDE, memories.supersede, "write"),
    Operation(routes.CORRECT, memories.correct, "write"),
    Operation(routes.FORGET_MATCHING, selecting.forget_matching, "admin"),
    Operation(routes.RUNS, maintenance.runs, "read"),
    Operation(routes.START_RUN, maintenance.start_run, "admin"),
    Operation(routes.GET_RUN, maintenance.get_run, "read"),
    Operation(routes.CANCEL_RUN, maintenance.cancel_run, "admin"),
    Operation(routes.UNDO_RUN, maintenance.undo_run, "admin"),
    Operation(routes.PARAMETERS, installation.parameters, "read"),
    Operation(routes.SET_PARAMETERS, installation.set_parameters, "admin"),
    Operation(routes.NAMESPACES, installation.namespaces, "admin", everywhere=True),
    Operation(routes.DELETE_NAMESPACE, installation.delete_namespace, "admin"),
    Operation(routes.REBUILD, installation.rebuild, "admin", everywhere=True),
    Operation(routes.DEAD_LETTERS, dead_letters.dead_letters, "admin", everywhere=True),
    Operation(
        routes.REPLAY_DEAD_LETTERS, dead_letters.replay_dead_letters, "admin", everywhere=True
    ),
    Operation(
        routes.DISCARD_DEAD_LETTERS, dead_letters.discard_dead_letters, "admin", everywhere=True
    ),
    Operation(routes.GET_DEAD_LETTER, dead_letters.get_dead_letter, "admin", everywhere=True),
    Operation(routes.READY, system.ready, "read"),
)
OPERATIONS: dict[Route, Operation] = {each.route: each for each in _ALL}
