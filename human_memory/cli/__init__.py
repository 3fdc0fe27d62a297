"""The command line `human-memory`; its commands are loaded where its packages are installed."""

import sys

from human_memory.extras import NotInstalled, needs, published_client_beside_us


def main() -> None:
    """The entry point."""
    if mixed := published_client_beside_us():
        print(f"human-memory: {mixed}", file=sys.stderr)
    try:
        with needs("cli"):
            from human_memory.cli.commands import run
        run()
    except NotInstalled as error:
        sys.exit(f"human-memory: {error}")
