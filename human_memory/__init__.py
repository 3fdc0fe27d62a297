"""Human-like memory for AI agents: `Memory` and `AsyncMemory`, over HTTP or over Kafka.

Names are loaded when they are first used, so that importing the package takes no time.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from human_memory.async_client import AsyncMemory
    from human_memory.client import Memory
    from human_memory.exceptions import (
        HumanMemoryError,
        MemoryNotFound,
        ServiceUnavailable,
        ValidationError,
    )
    from human_memory.models import (
        AccessRecord,
        Concept,
        ConsolidationReport,
        DeadLetter,
        DecayReport,
        Explanation,
        ForgetReport,
        Graph,
        GraphNode,
        MemoryCreated,
        MemoryDetail,
        MemoryInfo,
        MemoryItem,
        MemoryPage,
        NamespaceCounts,
        NamespaceParameters,
        Namespaces,
        Rebuild,
        Relation,
        Restored,
        Run,
        RunReport,
        SearchResult,
        SentBack,
        SourceMemory,
        SpreadResult,
        Stats,
        WorkingMemoryItem,
    )

    __version__: str

__all__ = [
    "AccessRecord",
    "AsyncMemory",
    "Concept",
    "ConsolidationReport",
    "DeadLetter",
    "DecayReport",
    "Explanation",
    "ForgetReport",
    "Graph",
    "GraphNode",
    "HumanMemoryError",
    "Memory",
    "MemoryCreated",
    "MemoryDetail",
    "MemoryInfo",
    "MemoryItem",
    "MemoryNotFound",
    "MemoryPage",
    "NamespaceCounts",
    "NamespaceParameters",
    "Namespaces",
    "Rebuild",
    "Relation",
    "Restored",
    "Run",
    "RunReport",
    "SearchResult",
    "SentBack",
    "ServiceUnavailable",
    "SourceMemory",
    "SpreadResult",
    "Stats",
    "ValidationError",
    "WorkingMemoryItem",
    "__version__",
]

_MODULES = {
    "AsyncMemory": "human_memory.async_client",
    "Memory": "human_memory.client",
    "HumanMemoryError": "human_memory.exceptions",
    "MemoryNotFound": "human_memory.exceptions",
    "ServiceUnavailable": "human_memory.exceptions",
    "ValidationError": "human_memory.exceptions",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        value: Any = _version()
    elif name in __all__:
        value = getattr(import_module(_MODULES.get(name, "human_memory.models")), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("human-memory-server")
    except PackageNotFoundError:  # run from a checkout that was not installed
        return "0.0.0"
