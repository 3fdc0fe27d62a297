"""The recording's files, and how an answer is compared with the recorded one."""

import gzip
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import orjson

from tests.recorded.harness import ReadSide, Record

FOLDER = Path(__file__).parent
LOG = FOLDER / "log.jsonl.gz"
QUESTIONS = FOLDER / "questions.jsonl.gz"
SUMS = FOLDER / "sums.json"


@dataclass(frozen=True)
class Question:
    """A query, the moment and vector it is asked with, and the answer that was recorded."""

    name: str
    bounds: str
    now_ms: int
    query: dict[str, Any]
    vector: str | None = None
    answer: Any = None

    @classmethod
    def of(cls, line: dict[str, Any]) -> Self:
        """From a line of the file."""
        return cls(**line)

    def line(self) -> dict[str, Any]:
        """As a line of the file."""
        return dict(vars(self))


def log() -> list[Record]:
    """The recorded log, partition by partition in the order of offsets."""
    return [
        Record(line["partition"], line["offset"], orjson.dumps(line["event"]))
        for line in read_lines(LOG)
    ]


def questions() -> list[Question]:
    """The recorded questions."""
    return [Question.of(line) for line in read_lines(QUESTIONS)]


def recorded_sums() -> dict[str, dict[str, str]]:
    """The recorded digests, by partition and by namespace, and the fingerprint of the machine."""
    sums: dict[str, dict[str, str]] = orjson.loads(SUMS.read_bytes())
    return sums


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The lines of a compressed file."""
    return [orjson.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]


def write_lines(path: Path, lines: list[dict[str, Any]]) -> None:
    """Write a compressed file, the same bytes for the same lines."""
    text = b"".join(orjson.dumps(line) + b"\n" for line in lines)
    path.write_bytes(gzip.compress(text, compresslevel=9, mtime=0))


async def answered(
    side: ReadSide, asked: list[Question], bounds: str, *, collapse: bool = False
) -> list[Question]:
    """The questions with these bounds, as a read side answers them now.

    The recorded answers show each memory by itself, also those that say the same.
    """
    found = []
    queries = side.queries(bounds)
    for question in asked:
        if question.bounds == bounds:
            is_search = question.query["type"] == "search"
            query = question.query | ({"collapse": collapse} if is_search else {})
            answer = await queries.answer(query, question.vector, question.now_ms)
            found.append(replace(question, answer=answer))
    await queries.close()
    return found


def differences(recorded: Any, found: Any, *, tolerance: float, where: str = "") -> Iterator[str]:
    """Where an answer is not the recorded one; a field that is new does not count."""
    if isinstance(recorded, dict) and isinstance(found, dict):
        for name, value in recorded.items():
            if name not in found:
                yield f"{where}.{name}: missing"
            else:
                inside = f"{where}.{name}"
                yield from differences(value, found[name], tolerance=tolerance, where=inside)
    elif isinstance(recorded, list) and isinstance(found, list):
        if len(recorded) != len(found):
            yield f"{where}: {len(found)} instead of {len(recorded)}"
        for number, pair in enumerate(zip(recorded, found, strict=False)):
            inside = f"{where}[{number}]"
            yield from differences(*pair, tolerance=tolerance, where=inside)
    elif not same(recorded, found, tolerance=tolerance):
        yield f"{where}: {found!r} instead of {recorded!r}"


def same(recorded: Any, found: Any, *, tolerance: float) -> bool:
    """Whether two values are the same; without a tolerance numbers are, bit for bit."""
    if isinstance(recorded, float) and isinstance(found, float) and tolerance:
        return math.isclose(recorded, found, rel_tol=tolerance, abs_tol=tolerance)
    return type(recorded) is type(found) and repr(recorded) == repr(found)
