"""Human-like memory for AI agents, over an event log on Apache Kafka."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("human-memory")
except PackageNotFoundError:  # run from a checkout that was not installed
    __version__ = "0.0.0"
