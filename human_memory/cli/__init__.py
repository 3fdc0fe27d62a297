"""The command line `human-memory`."""

from human_memory.cli.main import app, main

__all__ = ["app", "main"]
