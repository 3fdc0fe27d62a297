"""`python -m human_memory.cli`, where no command is installed."""

import sys
from pathlib import Path

from human_memory.cli import main

# Python puts the current folder first; packages in it must not hide ours, unless it is our own.
if not sys.flags.safe_path and Path(sys.path[0]).resolve() != Path(__file__).resolve().parents[2]:
    del sys.path[0]

main()
