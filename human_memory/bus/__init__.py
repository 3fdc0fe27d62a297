"""The memory on Kafka: topics, producer, consumer, and request and reply over them."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from human_memory.bus.bus import Bus

__all__ = ["Bus"]


def __getattr__(name: str) -> Any:
    """`from human_memory.bus import Bus`, loaded when it is asked for: settings need no client."""
    if name != "Bus":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from human_memory.bus.bus import Bus

    return Bus
