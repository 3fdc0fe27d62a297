"""Services by name, with port and consumer group: known without importing any of them."""

from human_memory.bus.settings import KafkaSettings

# The port of each one's health, readiness and metrics; the gateway's own serves the API too.
SERVICES = {
    "gateway": 8000,
    "ingest": 8001,
    "projection": 8004,
    "retrieval": 8002,
    "maintenance": 8003,
}
# Offsets are kept under these names: another name would begin anew.
_GROUPS = {
    "ingest": "human-memory-ingest",
    "projection": "human-memory-projection",
    "retrieval": "human-memory-queries",
    "maintenance": "human-memory-maintenance",
}


def group_of(settings: KafkaSettings, service: str) -> str:
    """The consumer group of a service in this installation."""
    return settings.topic_prefix + _GROUPS[service]
