"""Methods that name the argument that was probably meant by one that they do not have."""

import inspect
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, TypeVar, get_args

from human_memory._client.arguments import unexpected

K = TypeVar("K", bound=type)


def guessing(kind: K) -> K:
    """The class itself; its methods keep their signatures."""
    for name, method in list(vars(kind).items()):
        if inspect.isfunction(method) and (name == "__init__" or not name.startswith("_")):
            shown = kind.__name__ if name == "__init__" else name
            setattr(kind, name, _guessing(method, f"{shown}()"))
    return kind


def _guessing(method: Callable[..., Any], shown: str) -> Callable[..., Any]:
    known = _known(method)
    if known is None:
        return method

    def check(given: Iterable[str]) -> None:
        for each in given:
            if each not in known:
                raise unexpected(shown, each, known)

    @wraps(method)
    def call(*values: Any, **given: Any) -> Any:
        check(given)
        return method(*values, **given)

    @wraps(method)
    async def call_later(*values: Any, **given: Any) -> Any:
        check(given)
        return await method(*values, **given)

    return call_later if inspect.iscoroutinefunction(method) else call


def _known(method: Callable[..., Any]) -> list[str] | None:
    """The arguments that may be given by name; None if any may be."""
    known: list[str] = []
    for parameter in list(inspect.signature(method).parameters.values())[1:]:
        if parameter.kind is not inspect.Parameter.VAR_KEYWORD:
            known.append(parameter.name)
        elif unpacked := get_args(parameter.annotation):
            known += unpacked[0].__annotations__
        else:
            return None
    return known
