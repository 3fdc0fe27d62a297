"""The routes of the HTTP API by name: one table for the clients and the gateway."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote


@dataclass(frozen=True)
class Route:
    """A method and a path with `{parameters}`; `status` is that of success."""

    name: str
    method: str
    path: str
    status: int = 200

    @property
    def has_body(self) -> bool:
        """True where fields go as JSON; elsewhere they are in the path and the query."""
        return self.method == "POST" and "{" not in self.path

    def url(self, fields: Mapping[str, Any]) -> str:
        """The path with the fields it names, quoted.

        >>> GET_CONCEPT.url({"name": "C# / F#"})
        '/v1/graph/concepts/C%23%20%2F%20F%23'
        """
        named = {k: v for k, v in fields.items() if f"{{{k}}}" in self.path}
        return self.path.format(**{k: _quoted(str(v)) for k, v in named.items()})

    def shown(self, fields: Mapping[str, Any]) -> str:
        """The path with the fields it names as they are, for people."""
        return self.path.format(**fields)

    def beside_path(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """The fields that the path does not name."""
        return {k: v for k, v in fields.items() if f"{{{k}}}" not in self.path}


def _quoted(segment: str) -> str:
    """A segment of a path. Of dots alone it would mean another folder to whoever reads the path."""
    quoted = quote(segment, safe="")
    return quoted.replace(".", "%2E") if segment in (".", "..") else quoted


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
RENAME_CONCEPT = Route("rename_concept", "POST", "/v1/graph/concepts/rename")
MERGE_CONCEPT = Route("merge_concept", "POST", "/v1/graph/concepts/merge")
DELETE_CONCEPT = Route("delete_concept", "POST", "/v1/graph/concepts/delete")
ADD_RELATION = Route("add_relation", "POST", "/v1/graph/relations", 201)
SPREAD = Route("spread", "POST", "/v1/graph/search")
CONSOLIDATE = Route("consolidate", "POST", "/v1/graph/consolidate")
EXPORT_GRAPH = Route("export_graph", "GET", "/v1/graph/export")
SUPERSEDE = Route("supersede", "POST", "/v1/memories/supersede")
CORRECT = Route("correct", "POST", "/v1/memories/correct")
FORGET_MATCHING = Route("forget_matching", "POST", "/v1/memories/forget-matching")
RUNS = Route("runs", "GET", "/v1/maintenance/runs")
START_RUN = Route("start_run", "POST", "/v1/maintenance/runs")
GET_RUN = Route("get_run", "GET", "/v1/maintenance/runs/{run_id}")
CANCEL_RUN = Route("cancel_run", "POST", "/v1/maintenance/runs/{run_id}/cancel")
UNDO_RUN = Route("undo_run", "POST", "/v1/maintenance/runs/{run_id}/undo")
PARAMETERS = Route("parameters", "GET", "/v1/parameters")
SET_PARAMETERS = Route("set_parameters", "POST", "/v1/parameters")
NAMESPACES = Route("namespaces", "GET", "/v1/namespaces")
DELETE_NAMESPACE = Route("delete_namespace", "POST", "/v1/namespaces/delete")
REBUILD = Route("rebuild", "GET", "/v1/rebuild")
DEAD_LETTERS = Route("dead_letters", "GET", "/v1/dead-letters")
REPLAY_DEAD_LETTERS = Route("replay_dead_letters", "POST", "/v1/dead-letters/replay")
DISCARD_DEAD_LETTERS = Route("discard_dead_letters", "POST", "/v1/dead-letters/discard")
GET_DEAD_LETTER = Route("get_dead_letter", "GET", "/v1/dead-letters/{place}")
STATS = Route("stats", "GET", "/v1/stats")
READY = Route("ready", "GET", "/ready")

NAMESPACE_HEADER = "X-Memory-Namespace"
IDEMPOTENCY_HEADER = "Idempotency-Key"
REQUEST_ID_HEADER = "X-Request-ID"
TIMEOUT_HEADER = "X-Timeout-Ms"
# The same in every try of one search or recall, which then counts once.
CALL_HEADER = "X-Memory-Call"
# Of a reply: fields of the request that were ignored.
WARNINGS_HEADER = "X-Memory-Warnings"
NAMESPACE_DEFAULT = "default"
# As schemas.limits has it, which this package alone does not bring along; a test compares.
TIMEOUT_MS_MAX = 600_000
