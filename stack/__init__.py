"""Real Apache Kafka and Redis with RediSearch on this machine, without Docker."""

from stack.errors import StackError, UnsupportedPlatform
from stack.local import ComponentStatus, LocalStack, StackStatus

__all__ = ["ComponentStatus", "LocalStack", "StackError", "StackStatus", "UnsupportedPlatform"]
