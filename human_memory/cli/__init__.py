"""The command line `human-memory`; its commands are loaded where its packages are installed."""

import sys

from human_memory.extras import NotInstalled, needs


def main() -> None:
    """The entry point."""
    try:
        with needs("cli"):
            from human_memory.cli.commands import run
        run()
    except NotInstalled as error:
        sys.exit(f"human-memory: {error}")
