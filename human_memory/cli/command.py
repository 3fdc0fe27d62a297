"""A command whose options are the fields of a dataclass, and whose failures are one line."""

import asyncio
import inspect
import sys
from collections.abc import Callable, Coroutine
from dataclasses import MISSING, Field, fields
from typing import Any, NoReturn, get_type_hints

import typer
from aiokafka.errors import KafkaError
from pydantic import ValidationError

from human_memory.extras import NotInstalled
from schemas.errors import MemoryServiceError
from stack.errors import StackError

Body = Callable[[Any], Coroutine[Any, Any, None] | None]


def command(app: typer.Typer, name: str | None = None) -> Callable[[Body], Body]:
    """Register `body(options)` as a command; the class of `options` says what it takes.

    Commands share options by inheriting them, and a message's dozen fields stay one argument.
    """

    def register(body: Body) -> Body:
        (parameter,) = inspect.signature(body, eval_str=True).parameters.values()
        kind = parameter.annotation

        def invoke(**values: Any) -> None:
            _run(body, kind, values)

        invoke.__doc__ = _help(body)
        invoke.__annotations__ = hints = get_type_hints(kind, include_extras=True)
        invoke.__signature__ = inspect.Signature(  # type: ignore[attr-defined] # functions take it
            [
                inspect.Parameter(
                    field.name,
                    inspect.Parameter.KEYWORD_ONLY,
                    default=_default(field),
                    annotation=hints[field.name],
                )
                for field in _own_first(kind)
            ]
        )
        app.command(name or body.__name__.replace("_", "-"))(invoke)
        return body

    return register


def _help(body: Body) -> str:
    """A paragraph is one line, which the terminal breaks."""
    paragraphs = (inspect.getdoc(body) or "").split("\n\n")
    return "\n\n".join(" ".join(each.split()) for each in paragraphs)


def _own_first(kind: type) -> list[Field[Any]]:
    # What a command is about comes before what all of them take.
    return sorted(fields(kind), key=lambda field: field.name not in kind.__annotations__)


def _default(field: Field[Any]) -> Any:
    if field.default_factory is not MISSING:
        return field.default_factory()
    return inspect.Parameter.empty if field.default is MISSING else field.default


def _run(body: Body, kind: type, values: dict[str, Any]) -> None:
    try:
        result = body(kind(**values))
        if inspect.iscoroutine(result):
            asyncio.run(result)
    except ValidationError as error:
        _fail(_refused_fields(error), code=2)
    except typer.BadParameter as error:
        _fail(error.message, code=2)
    except MemoryServiceError as error:
        _fail(error.message)
    except KafkaError as error:
        _fail(f"Kafka answered {type(error).__name__}: {error}")
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    except BrokenPipeError:
        # Whoever read our output has seen enough; the rest of it must not fail at exit.
        sys.stdout = open("/dev/null", "w")  # noqa: SIM115 (until the process ends)
    except (NotInstalled, StackError, OSError) as error:
        _fail(str(error))


def _fail(message: str, *, code: int = 1) -> NoReturn:
    typer.echo(f"human-memory: {message}", err=True)
    raise typer.Exit(code)


def _refused_fields(error: ValidationError) -> str:
    return "; ".join(
        f"{'.'.join(str(part) for part in each['loc']) or error.title}: {each['msg']}"
        for each in error.errors()
    )
