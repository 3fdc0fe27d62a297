"""Counters of the functions that a process enters, and of texts parsed and validated."""

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import orjson
import pydantic
import pydantic_core

from bench.structure.arrows import FOLDERS, ROOT

OURS = tuple(f"{ROOT / folder}/" for folder in FOLDERS)
# Where pydantic and the JSON libraries are entered, by the file and name of the Python function.
VALIDATE = {
    *(f"pydantic/main.py:{name}" for name in ("__init__", "model_validate")),
    "pydantic/type_adapter.py:validate_python",
}
PARSE = {"json/__init__.py:loads", "tracing.py:loads"}
BOTH = {"pydantic/main.py:model_validate_json", "pydantic/type_adapter.py:validate_json"}


class Tracer:
    """Counts between `begin` and `end`, in all threads that start after it was installed."""

    def __init__(self) -> None:
        self._counting = False
        self._text = ""
        self._known: dict[CodeType, str] = {}
        self.entered: set[str] = set()
        self.parsed: list[str] = []
        self.validated: list[str] = []

    def install(self) -> None:
        """To be called before the product is imported: some of its names are bound then."""
        orjson.loads = _visible(orjson.loads)
        pydantic_core.from_json = _visible(pydantic_core.from_json)
        threading.setprofile(self._called)
        sys.setprofile(self._called)

    def begin(self, text: str) -> None:
        """Count from now on; parses and validations of what contains `text`."""
        self._text, self.entered, self.parsed, self.validated = text, set(), [], []
        self._counting = True

    def end(self) -> dict[str, Any]:
        """The counts, once counting has ended."""
        self._counting = False
        return {
            "entered": sorted(self.entered), "parsed": self.parsed, "validated": self.validated
        }  # fmt: skip

    def _called(self, frame: FrameType, event: str, _: Any) -> None:
        if not self._counting or event != "call":
            return
        name = self._known.get(frame.f_code) or self._known.setdefault(
            frame.f_code, _name(frame.f_code)
        )
        if name.startswith("ours "):
            self.entered.add(name)
        elif name in PARSE | VALIDATE | BOTH and self._is_about_it(frame):
            by = _caller(frame)
            self.parsed += [by] if name in PARSE | BOTH else []
            self.validated += [by] if name in VALIDATE | BOTH else []

    def _is_about_it(self, frame: FrameType) -> bool:
        given = [value for name, value in frame.f_locals.items() if name not in ("self", "cls")]
        if frame.f_code.co_name == "__init__":  # what is a model already is not validated again
            fields = frame.f_locals.get("data", {}).values()
            given = [value for value in fields if not isinstance(value, pydantic.BaseModel)]
        if frame.f_code.co_name == "validate_python":  # bytes go on to a reader, which validates
            given = [value for value in given if not isinstance(value, bytes)]
        return any(self._text in repr(value) for value in given)


def _name(code: CodeType) -> str:
    """`ours FILE FUNCTION` for the product's functions, FOLDER/FILE:NAME for other ones."""
    if code.co_filename.startswith(OURS) and not code.co_name.startswith("<"):
        return f"ours {Path(code.co_filename).relative_to(ROOT)} {code.co_qualname}"
    path = Path(code.co_filename)
    own = path.parent == Path(__file__).parent
    return f"{path.name if own else f'{path.parent.name}/{path.name}'}:{code.co_name}"


def _caller(frame: FrameType | None) -> str:
    """The function of the product that a call comes from."""
    while frame is not None and not (name := _name(frame.f_code)).startswith("ours "):
        frame = frame.f_back
    return name.removeprefix("ours ") if frame is not None else "a library"


def _visible(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same in Python: of one in C the arguments are not seen."""

    def loads(*arguments: Any, **options: Any) -> Any:
        return function(*arguments, **options)

    return loads
