"""`python -m human_memory.cli`, where no command is installed."""

from human_memory.cli.main import main

main()
