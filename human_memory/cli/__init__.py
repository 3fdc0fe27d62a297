"""The command line `human-memory`; its commands are loaded where its packages are installed."""

from human_memory.extras import program_needs


def main() -> None:
    """The entry point."""
    with program_needs("human-memory", "cli"):
        from human_memory.cli.commands import run
    run()
