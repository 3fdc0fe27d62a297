"""The routes of the HTTP API by name: one table for the clients and the gateway."""

import re
from dataclasses import dataclass
from urllib.parse import quote


@dataclass(frozen=True)
class Route:
    """A method and a path with `{parameters}`; `status` is that of success."""

    name: str
    method: str
    path: str
    status: int = 200

    @property
    def path_parameters(self) -> tuple[str, ...]:
        """Names of the parts of the path that vary."""
        return tuple(re.findall(r"\{(\w+)\}", self.path))

    @property
    def has_body(self) -> bool:
        """Whether a request carries JSON; others say all in their path and query."""
        return self.method == "POST" and not self.path_parameters and self.name not in _NO_BODY

    def url(self, **parameters: str) -> str:
        """The path with its parameters, quoted.

        >>> GET_CONCEPT.url(name="C# / F#")
        '/v1/graph/concepts/C%23%20%2F%20F%23'
        """
        return self.path.format(**{k: quote(v, safe="") for k, v in parameters.items()})

    def shown(self, **parameters: str) -> str:
        """The path with its parameters as they are, for people."""
        return self.path.format(**parameters)


_NO_BODY = {"decay", "consolidate"}

STORE = Route("store", "POST", "/v1/memories", 201)
STORE_BATCH = Route("store_batch", "POST", "/v1/memories/batch", 201)
SEARCH = Route("search", "POST", "/v1/memories/search")
LIST = Route("list", "GET", "/v1/memories")
DECAY = Route("decay", "POST", "/v1/memories/decay")
FORGET_STRATEGY = Route("forget_strategy", "POST", "/v1/memories/forget-strategy")
USED = Route("used", "POST", "/v1/memories/used")
RECALL = Route("recall", "GET", "/v1/memories/{memory_id}")
INSPECT = Route("inspect", "GET", "/v1/memories/{memory_id}/inspect")
FORGET = Route("forget", "DELETE", "/v1/memories/{memory_id}")
RESTORE = Route("restore", "POST", "/v1/memories/{memory_id}/restore")
WORKING_MEMORY = Route("working_memory", "GET", "/v1/working-memory")
ADD_CONCEPT = Route("add_concept", "POST", "/v1/graph/concepts", 201)
GET_CONCEPT = Route("get_concept", "GET", "/v1/graph/concepts/{name}")
GET_CONCEPT_BY_QUERY = Route("get_concept_by_query", "GET", "/v1/graph/concepts")
ADD_RELATION = Route("add_relation", "POST", "/v1/graph/relations", 201)
SPREAD = Route("spread", "POST", "/v1/graph/search")
CONSOLIDATE = Route("consolidate", "POST", "/v1/graph/consolidate")
EXPORT_GRAPH = Route("export_graph", "GET", "/v1/graph/export")
STATS = Route("stats", "GET", "/v1/stats")
READY = Route("ready", "GET", "/ready")

# Fixed paths before those with parameters: the first match counts.
ROUTES = (
    *(STORE, STORE_BATCH, SEARCH, LIST, DECAY, FORGET_STRATEGY, USED),
    *(INSPECT, RESTORE, RECALL, FORGET, WORKING_MEMORY),
    *(ADD_CONCEPT, GET_CONCEPT_BY_QUERY, GET_CONCEPT, ADD_RELATION),
    *(SPREAD, CONSOLIDATE, EXPORT_GRAPH, STATS),
)

NAMESPACE_HEADER = "X-Memory-Namespace"
IDEMPOTENCY_HEADER = "Idempotency-Key"
REQUEST_ID_HEADER = "X-Request-ID"
TIMEOUT_HEADER = "X-Timeout-Ms"
NAMESPACE_DEFAULT = "default"
# As schemas.limits has it, which this package alone does not bring along; a test compares.
TIMEOUT_MS_MAX = 600_000
