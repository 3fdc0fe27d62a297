"""FOLD tells apart what folds differently: whoever changes the fold has to raise it."""

import ast
import gzip
import hashlib
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from schemas.codec import decode_event
from schemas.errors import Rejected
from schemas.events import MEMORY_EVENT, MemoryEvent
from schemas.problems import known_types
from services.projection.adapters.redis_changes import changes
from services.projection.adapters.redis_projection import SCHEMA
from services.projection.digest import digest_of_view
from services.projection.fold import fold as domain
from services.projection.fold.fold import fold, references
from services.projection.fold.view import Needs, View
from services.readside import fold_version
from services.readside.fold_version import FOLD, FOLD_READABLE_SINCE, unreadable
from services.readside.layout import Layout

LOGS = Path(__file__).parents[3] / "data/fold_logs.jsonl.gz"
FOLDER = Path(domain.__file__).parent
LAYOUT = Layout("hm::", 1, 0)
# One says what Redis is asked for, one reads what it replies, one folds for tests.
APART = {"wanted", "without", "include", "__bool__", "as_in_force", "fold_log"}
# What commands take several of.
WORDS_OF_A_FIELD = {b"HSET": 2, b"ZADD": 2, b"HDEL": 1, b"ZREM": 1}
# By FOLD: the state that the recorded logs come to, and the names and values in Redis.
MEANT = {
    1: "ef6743726956efde3a637d183ca11c198531795a6b92df873d3adf40319712c2",
    2: "0c2c31af12e3312e7b5a295ac07eed31eb305e93cea3448801d79233a4e228f0",
    3: "39f94ec8e802b4483ee94cf8c57a74e4c34284ffebe13309c73f8049d7d0eca7",
    4: "7951af1f9bae7b7caae477c9461e74a2765eedb040734ad371519e6a1f744c19",
}
REMEDY = """
The fold of the recorded logs is not what it was: every read side there is differs from what this
version would build. If that is meant, raise FOLD in services/readside/fold_version.py, and put here
    {found}
If this version would misread what earlier ones have built, as records, documents or keys have
another order, size or name, set FOLD_READABLE_SINCE to the new FOLD as well.
(Where only logs were added, and the fold is the same, put it in place of the one that is there.)
"""
UNREACHED = """
No recorded log comes to these statements of the fold, so nobody would be told that FOLD must be
raised when they change. Add a log that does to tests/data/fold_logs.jsonl.gz, at its end.
"""


@cache
def recorded() -> list[list[tuple[int, MemoryEvent]]]:
    """Logs that were made once: every type of event, and a history that is compacted."""
    logs = gzip.decompress(LOGS.read_bytes()).split(b"\n\n")
    return [
        [(offset, decode_event(line)) for offset, line in enumerate(log.splitlines())]
        for log in logs
    ]


@cache
def folded() -> list[View]:
    """The states that they come to."""
    return [fold_of(log) for log in recorded()]


def fold_of(log: list[tuple[int, MemoryEvent]]) -> View:
    """The state that a log comes to; what is refused is passed, as the service passes it."""
    view = View()
    for offset, event in log:
        try:
            references(event, Needs())
            fold(view, event, offset)
        except Rejected:
            view.ignored["rejected"] += 1
    return view


def fingerprint() -> str:
    """Of the states that the logs come to, and of everything that is written for them."""
    digest = hashlib.sha256(repr(SCHEMA).encode())
    for log, view in zip(recorded(), folded(), strict=True):
        digest.update(digest_of_view(view).encode())
        for part in sorted({*written(view, len(log))}):
            digest.update(part + b"\n")
    return digest.hexdigest()


def written(view: View, end: int) -> Iterator[bytes]:
    """All that is written to Redis, field by field: cut into whatever commands, in any order.

    Without `due`: it is a hint, and its times may differ in the last bit between processors.
    """
    for command in changes(view, LAYOUT, end):
        verb, key, *words = (
            each if isinstance(each, bytes) else str(each).encode() for each in command
        )
        if b":due" in key:
            continue
        only = [words.pop(0)] if words[:1] == [b"GT"] else []
        at_once = WORDS_OF_A_FIELD.get(verb, len(words) or 1)
        for at in range(0, len(words) or 1, at_once):
            yield b"\0".join([verb, key, *only, *words[at : at + at_once]])


def test_fold_is_what_its_number_says() -> None:
    found = fingerprint()

    assert MEANT[FOLD] == found, REMEDY.format(found=found)


def statements(file: Path) -> set[int]:
    """The first lines of the statements in a file's functions, but for those of APART."""
    found = set()
    for function in ast.walk(ast.parse(file.read_text())):
        if isinstance(function, ast.FunctionDef) and function.name not in APART:
            for node in (each for top in function.body for each in ast.walk(top)):
                if isinstance(node, ast.stmt) and not _is_constant(node):
                    found.add(node.lineno)
    return found


def _is_constant(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def lines_reached() -> dict[Path, set[int]]:
    """The lines of the fold that the recorded logs come to, by file."""
    reached: dict[str, set[int]] = {str(file): set() for file in FOLDER.glob("*.py")}

    def called(frame: FrameType, _: str, __: Any) -> Any:
        lines = reached.get(frame.f_code.co_filename)

        def stepped(frame: FrameType, _: str, __: Any) -> Any:
            assert lines is not None
            lines.add(frame.f_lineno)
            return stepped

        return None if lines is None else stepped

    before = sys.gettrace()
    sys.settrace(called)
    try:
        for log in recorded():
            digest_of_view(fold_of(log))
    finally:
        sys.settrace(before)
    return {Path(file): lines for file, lines in reached.items()}


def test_recorded_logs_come_to_every_statement_of_the_fold() -> None:
    reached = lines_reached()

    left = {
        f"{file.name}:{line}"
        for file, lines in reached.items()
        for line in statements(file) - lines
    }

    assert not left, UNREACHED


def test_recorded_logs_have_every_type_of_event() -> None:
    assert {event.type for log in recorded() for _, event in log} == known_types(MEMORY_EVENT)


def test_most_of_the_recorded_events_have_an_effect() -> None:
    ignored = sum(view.ignored.total() for view in folded())

    assert ignored < sum(len(log) for log in recorded()) / 3


def test_every_fold_there_was_has_its_fingerprint() -> None:
    assert sorted(MEANT) == list(range(1, FOLD + 1))
    assert len(set(MEANT.values())) == len(MEANT)
    assert 0 <= FOLD_READABLE_SINCE <= FOLD


def test_builds_from_the_first_readable_one_to_our_own_are_worked_with() -> None:
    assert {
        fold: unreadable(fold) for fold in range(FOLD_READABLE_SINCE, FOLD + 1)
    } == dict.fromkeys(range(FOLD_READABLE_SINCE, FOLD + 1))
    assert "upgrade this instance" in (unreadable(FOLD + 1) or "")


def test_build_that_would_be_misread_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fold_version, "FOLD", 5)
    monkeypatch.setattr(fold_version, "FOLD_READABLE_SINCE", 3)

    assert [fold for fold in range(7) if unreadable(fold) is None] == [3, 4, 5]
    assert unreadable(2) == "the read side is being rebuilt for this version (fold 2 to 5)"
