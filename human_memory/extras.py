"""The extras of the package: a sentence instead of a traceback where one is not installed."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from human_memory.exceptions import HumanMemoryError

_HOME = Path(__file__).parents[1]


class NotInstalled(HumanMemoryError):
    """Raised where a part of the package is used that is not installed."""


@contextmanager
def needs(extra: str) -> Iterator[None]:
    """Imports within need `extra`.

    Raises:
        NotInstalled: a package is missing, or one of the user's own hides one of ours.
    """
    try:
        yield
    except ImportError as error:
        missing = error.name or ""
        hidden_by = _hiding(missing.partition(".")[0])
        if hidden_by is not None:
            raise NotInstalled(_hidden(missing, hidden_by)) from error
        if not isinstance(error, ModuleNotFoundError) or _is_ours(missing):
            raise
        raise NotInstalled(_absent(missing, extra)) from error


def require(extra: str, *modules: str) -> None:
    """NotInstalled unless there are all of `modules`, which are not loaded."""
    for module in modules:
        if find_spec(module) is None:
            raise NotInstalled(_absent(module, extra))


def published_client_beside_us() -> str | None:
    """A sentence where the published client lies in the same folder, and so over our files."""
    if next(_HOME.glob("human_memory_sdk-*.dist-info"), None) is None:
        return None
    return (
        "human-memory-sdk is installed beside human-memory-server, and both are the package "
        "human_memory: each overwrites files of the other. To keep this one, run: pip uninstall "
        "human-memory-sdk human-memory-server, and install human-memory-server again"
    )


def _absent(module: str, extra: str) -> str:
    return f"{module} is not installed; run: pip install 'human-memory-server[{extra}]'"


def _hidden(module: str, folder: Path) -> str:
    name = module.partition(".")[0]
    return (
        f"{folder} hides the package {name} of human-memory; rename the one that hides it (the "
        "client of an address http:// needs none of them)"
    )


def _is_ours(module: str) -> bool:
    return (_HOME / module.partition(".")[0]).exists()


def _hiding(package: str) -> Path | None:
    """The place of another package with the name of one of ours."""
    spec = find_spec(package) if package and _is_ours(package) else None
    if spec is None:
        return None
    places = [*(spec.submodule_search_locations or ()), *([spec.origin] if spec.origin else ())]
    found = Path(places[0])
    return None if found.is_relative_to(_HOME / package) else found
