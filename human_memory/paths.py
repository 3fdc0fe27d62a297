"""Folders of our files: what can be fetched or made again, and the data of one installation."""

import os
from pathlib import Path

DATA_DEFAULT = Path(".human-memory")


def cache_folder() -> Path:
    """Downloads and exports of all data folders: HUMAN_MEMORY_CACHE, else in the user's cache."""
    if own := os.environ.get("HUMAN_MEMORY_CACHE"):
        return Path(own)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "human-memory"


def data_folder() -> Path:
    """Data, logs and state of one installation: HUMAN_MEMORY_DATA, else in the current folder."""
    return Path(os.environ.get("HUMAN_MEMORY_DATA") or DATA_DEFAULT).absolute()
