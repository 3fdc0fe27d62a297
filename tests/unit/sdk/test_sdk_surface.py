"""What `human_memory` exports, and how light it is."""

import ast
import inspect
import subprocess
import sys
import textwrap
from importlib.metadata import requires

import pytest
from packaging.requirements import Requirement

import human_memory
from human_memory import AsyncMemory, Memory, routes
from human_memory.operations.table import OPERATIONS
from human_memory.routes import Route

HEAVY = {"aiokafka", "fastapi", "numpy", "redis", "torch", "sentence_transformers", "stack"}


def in_new_process(code: str) -> str:
    """What a new interpreter prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout


def test_every_exported_name_is_there() -> None:
    assert [name for name in human_memory.__all__ if not hasattr(human_memory, name)] == []


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="Memori"):
        human_memory.Memori  # noqa: B018 asking is the point


def test_import_loads_nothing_but_the_standard_library() -> None:
    loaded = in_new_process(
        "import sys; before = set(sys.modules); import human_memory;"
        "print(*{name.partition('.')[0] for name in set(sys.modules) - before})"
    )

    assert set(loaded.split()) <= {"human_memory", *sys.stdlib_module_names}


def installed_with(distribution: str, extras: frozenset[str] = frozenset()) -> set[str]:
    """What an installer brings with a package, by name; needs them to be there."""
    found: set[str] = set()
    left = [(distribution, extras)]
    while left:
        name, wanted = left.pop()
        for requirement in map(Requirement, requires(name) or []):
            marker = requirement.marker
            if marker is not None and not any(
                marker.evaluate({"extra": extra}) for extra in ("", *wanted)
            ):
                continue
            if requirement.name not in found:
                found.add(requirement.name)
                left.append((requirement.name, frozenset(requirement.extras)))
    return found


def test_package_without_extras_needs_httpx_and_pydantic_alone() -> None:
    direct = {
        requirement.name
        for requirement in map(Requirement, requires("human-memory-server") or [])
        if requirement.marker is None
    }

    assert direct == {"httpx", "pydantic"}
    assert not HEAVY & installed_with("human-memory-server")


def test_client_over_http_loads_nothing_heavy() -> None:
    loaded = in_new_process(
        "import sys; from human_memory import Memory; Memory();"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )

    assert not HEAVY & set(loaded.split())


def test_import_takes_less_than_0_3_seconds() -> None:
    # Of processor time: what other programs do meanwhile is not ours.
    spent = in_new_process(
        "import time; began = time.process_time(); import human_memory;"
        "print(time.process_time() - began)"
    )

    assert float(spent) < 0.3


def test_both_clients_have_the_same_methods_and_parameters() -> None:
    def methods(client: type) -> dict[str, str]:
        public = inspect.getmembers(client, inspect.isfunction)
        return {
            name: str(inspect.signature(method))
            for name, method in public
            if not name.startswith("_")
        }

    assert methods(Memory) == methods(AsyncMemory)


@pytest.mark.parametrize("name", sorted(vars(AsyncMemory).keys() & vars(Memory).keys()))
def test_method_of_both_clients_returns_what_it_sends_so_that_it_can_be_awaited(name: str) -> None:
    method = getattr(AsyncMemory, name)
    if getattr(method, "__wrapped__", None) is not getattr(Memory, name):
        return  # written for each of them
    (function,) = ast.parse(textwrap.dedent(inspect.getsource(getattr(Memory, name)))).body

    assert isinstance(function, ast.FunctionDef)
    assert isinstance(function.body[-1], ast.Return)


def test_every_route_has_an_operation() -> None:
    assert set(OPERATIONS) == {each for each in vars(routes).values() if isinstance(each, Route)}
