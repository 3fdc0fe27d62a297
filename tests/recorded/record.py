"""`python -m tests.recorded.record`: ask the recorded questions again and keep today's answers.

Legitimate in two cases alone, and each is a commit of its own that changes nothing else:

- the ranking (or what an answer says) was changed on purpose, and CHANGELOG.md says so;
- questions, or events at the end of a partition of the log, were added.

In a change that is to leave behaviour as it is, a difference is a fault in the change. The log is
never edited: it is what users have on their disks. Only a deliberate change of the fold, with its
note that a rebuild is needed, gives other digests.

What changes is printed; without `--write` nothing is written.
"""

import asyncio
import sys
import tempfile
from pathlib import Path

import orjson

from tests.engines import engines
from tests.recorded.arithmetic import fingerprint
from tests.recorded.harness import BOUNDS, digests_of_fold, embedded, read_side
from tests.recorded.recording import (
    QUESTIONS,
    SUMS,
    Question,
    answered,
    differences,
    log,
    questions,
    recorded_sums,
    write_lines,
)

SHOWN, CHARACTERS_SHOWN = 5, 200


async def record(redis_url: str, *, write: bool) -> int:
    """Ask everything again; how many answers and digests are others than recorded."""
    records, asked = log(), await _with_vectors(questions())
    digests = digests_of_fold(records)
    found: list[Question] = []
    async with read_side(redis_url) as side:
        await side.fold(records)
        assert await side.digests() == digests["partitions"], "Redis is not the fold of the log"
        for bounds in BOUNDS:
            found += await answered(side, asked, bounds)
    changed = 0
    for question, now in zip(sorted(asked, key=_by_bounds), found, strict=True):
        different = list(differences(question.answer, now.answer, tolerance=0.0))
        changed += bool(different)
        for line in different[:SHOWN]:
            print(f"{question.name}: {line[:CHARACTERS_SHOWN]}")
    sums = digests | {"machine": fingerprint()}
    if not SUMS.exists() or recorded_sums() != sums:
        changed += 1
        print("the digests are others, or this machine computes otherwise")
    if write:
        write_lines(QUESTIONS, [question.line() for question in found])
        SUMS.write_bytes(orjson.dumps(sums, option=orjson.OPT_INDENT_2) + b"\n")
    return changed


async def _with_vectors(asked: list[Question]) -> list[Question]:
    """The questions, those that were added embedded."""
    new = [each for each in asked if each.query["type"] == "search" and each.vector is None]
    texts = dict.fromkeys(str(each.query["query"]) for each in new)
    vectors = dict(zip(texts, await embedded(list(texts)), strict=True)) if new else {}
    return [
        Question.of(each.line() | {"vector": vectors[each.query["query"]]}) if each in new else each
        for each in asked
    ]


def _by_bounds(question: Question) -> int:
    return list(BOUNDS).index(question.bounds)


def main() -> None:
    """Record, on the engines that tests run on."""
    with tempfile.TemporaryDirectory() as folder, engines(Path(folder)) as running:
        changed = asyncio.run(record(running.redis, write="--write" in sys.argv[1:]))
    print(f"{changed} changed")


if __name__ == "__main__":
    main()
