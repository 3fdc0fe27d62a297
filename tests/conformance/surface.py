"""Prints, as JSON, what a `human_memory` package offers: run with the published one and ours."""

import importlib
import inspect
import json
from typing import Any, get_type_hints

MODULES = ("client", "async_client", "exceptions", "models")


def methods(client: type) -> dict[str, Any]:
    """By name: what is given by position, with defaults and types, and what comes back."""
    return {
        name: signature(method)
        for name, method in inspect.getmembers(client, inspect.isfunction)
        if not name.startswith("_") or name == "__init__"
    }


def signature(function: Any) -> dict[str, Any]:
    """Its parameters that can be given by position, in order, and whether others are taken."""
    hints = get_type_hints(function)
    parameters = inspect.signature(function).parameters.values()
    return {
        "parameters": [
            [each.name, repr(each.default), str(hints.get(each.name))]
            for each in parameters
            if each.kind is each.POSITIONAL_OR_KEYWORD
        ],
        "returns": str(hints.get("return")),
        "awaited": inspect.iscoroutinefunction(function),
    }


def fields(model: Any) -> dict[str, Any]:
    """By name: type, whether it must be there, and its default."""
    hints = get_type_hints(model)
    return {
        name: [str(hints[name]), info.is_required(), repr(info.default)]
        for name, info in model.model_fields.items()
    }


def described(kind: type) -> dict[str, Any]:
    """A public class, by what it is."""
    if issubclass(kind, Exception):
        bases = [each.__name__ for each in kind.__mro__]
        return {"bases": bases, "init": signature(kind.__init__)}
    return fields(kind) if hasattr(kind, "model_fields") else methods(kind)


def surface() -> dict[str, Any]:
    """All public classes, by module."""
    found: dict[str, Any] = {}
    for name in MODULES:
        module = importlib.import_module(f"human_memory.{name}")
        found[name] = {
            kind.__name__: described(kind)
            for kind in vars(module).values()
            if inspect.isclass(kind) and kind.__module__ == module.__name__
        }
    package = importlib.import_module("human_memory")
    found["exported"] = {name: {} for name in package.__all__}
    return found


if __name__ == "__main__":
    print(json.dumps(surface()))
