"""What each operation of the API does, in terms of the bus: for the gateway and for `kafka://`.

Each is a function from a request model and a context to a response model; `table` lists them.
"""

from human_memory.operations.context import RequestContext
from human_memory.operations.graph import (
    add_concept,
    add_relation,
    export_graph,
    get_concept,
    spread,
)
from human_memory.operations.maintenance import (
    consolidate,
    decay,
    forget_strategy,
    working_memory,
)
from human_memory.operations.memories import (
    forget,
    inspect,
    list_memories,
    recall,
    restore,
    search,
    stats,
    store,
    store_batch,
    used,
)
from human_memory.operations.system import ready

__all__ = [
    "RequestContext",
    "add_concept",
    "add_relation",
    "consolidate",
    "decay",
    "export_graph",
    "forget",
    "forget_strategy",
    "get_concept",
    "inspect",
    "list_memories",
    "ready",
    "recall",
    "restore",
    "search",
    "spread",
    "stats",
    "store",
    "store_batch",
    "used",
    "working_memory",
]
