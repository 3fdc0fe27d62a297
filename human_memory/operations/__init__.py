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
from human_memory.operations.installation import (
    dead_letters,
    get_dead_letter,
    namespaces,
    parameters,
    rebuild,
    replay_dead_letters,
    set_parameters,
)
from human_memory.operations.maintenance import (
    cancel_run,
    consolidate,
    decay,
    forget_strategy,
    get_run,
    runs,
    start_run,
    undo_run,
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
    supersede,
    used,
)
from human_memory.operations.system import ready

__all__ = [
    "RequestContext",
    "add_concept",
    "add_relation",
    "cancel_run",
    "consolidate",
    "dead_letters",
    "decay",
    "export_graph",
    "forget",
    "forget_strategy",
    "get_concept",
    "get_dead_letter",
    "get_run",
    "inspect",
    "list_memories",
    "namespaces",
    "parameters",
    "ready",
    "rebuild",
    "recall",
    "replay_dead_letters",
    "restore",
    "runs",
    "search",
    "set_parameters",
    "spread",
    "start_run",
    "stats",
    "store",
    "store_batch",
    "supersede",
    "undo_run",
    "used",
    "working_memory",
]
