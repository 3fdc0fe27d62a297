"""The recorded log is folded to the recorded state, and searches find what they found then."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import orjson
import pytest

from services.readside.documents import said_by
from tests.engines import Engines
from tests.recorded.arithmetic import fingerprint, tolerance
from tests.recorded.harness import (
    BOUNDS,
    ReadSide,
    digests_of_fold,
    partition_of_namespace,
    read_side,
)
from tests.recorded.recording import (
    FOLDER,
    Question,
    answered,
    differences,
    log,
    questions,
    recorded_sums,
    same,
)

GOLDEN = FOLDER.parents[1] / "schemas" / "golden"
# Events that the log is older than.
LATER = {
    "memory.corrected.v1",
    "concept.renamed.v1",
    "concept.merged.v1",
    "concept.deleted.v1",
    "namespace.deleted.v1",
}
RANKINGS_MIN = 120
JOBS = {"decay", "consolidation", "capacity", "strategic_prune", "interference", "rif", "undo"}
SHOWN, CHARACTERS_SHOWN = 10, 200


@pytest.fixture(scope="module")
async def side(stack: Engines) -> AsyncIterator[ReadSide]:
    """The recorded log, folded into the real Redis."""
    async with read_side(stack.redis) as folded:
        await folded.fold(log())
        yield folded


def events() -> Iterator[dict[str, Any]]:
    """The events of the log."""
    return (orjson.loads(record.value) for record in log())


def found_by(question: Question) -> list[str]:
    """Ids that a search has found, best first."""
    return [each["memory_id"] for each in question.answer["result"]["results"]]


def has_copies(question: Question) -> bool:
    """True where a search has found memories that say the same."""
    said = [
        said_by(row["content"], row.get("speaker"), row["memory_type"])[1:]
        for row in question.answer.get("result", {}).get("results", [])
    ]
    return len(set(said)) < len(said)


def test_log_has_every_type_of_event_there_was_and_every_job() -> None:
    golden = {".".join(path.name.split(".")[:3]) for path in GOLDEN.glob("*.v[0-9]*.json")}
    found = list(events())

    jobs = {each["data"]["job"] for each in found if "job" in each["data"]}
    assert {each["type"] for each in found} == golden - LATER
    assert jobs == JOBS


def test_log_has_two_namespaces_in_one_partition_and_no_holes() -> None:
    records = log()

    places = [(record.partition, record.offset) for record in records]
    namespaces = {event["namespace"] for event in events()}
    assert places == [(p, o) for p in range(3) for o in range(sum(q == p for q, _ in places))]
    assert sorted(map(partition_of_namespace, namespaces)) == [0, 1, 2, 2]


def test_there_are_120_rankings_as_the_service_finds_them() -> None:
    searches = [each for each in questions() if each.query["type"] == "search"]

    assert sum(each.bounds == "service" for each in searches) >= RANKINGS_MIN
    assert sum(len(found_by(each)) > 1 for each in searches) >= RANKINGS_MIN


def test_pure_fold_of_the_log_gives_the_recorded_digests() -> None:
    digests = digests_of_fold(log())

    recorded = recorded_sums()
    assert digests["namespaces"] == recorded["namespaces"]
    assert digests["partitions"] == recorded["partitions"]


@pytest.mark.integration
async def test_log_folded_into_redis_gives_the_recorded_digests(side: ReadSide) -> None:
    digests = await side.digests()

    assert digests == recorded_sums()["partitions"]


@pytest.mark.integration
@pytest.mark.parametrize("bounds", BOUNDS)
async def test_queries_answer_as_recorded(side: ReadSide, bounds: str) -> None:
    recorded = [question for question in questions() if question.bounds == bounds]

    found = await answered(side, recorded, bounds)

    allowed = tolerance(recorded_sums()["machine"])
    different = [
        f"{question.name}: {line[:CHARACTERS_SHOWN]}"
        for question, now in zip(recorded, found, strict=True)
        for line in differences(question.answer, now.answer, tolerance=allowed)
    ]
    assert not different, "\n".join([f"{len(different)} differences", *different[:SHOWN]])


@pytest.mark.integration
@pytest.mark.parametrize("bounds", BOUNDS)
async def test_search_that_found_no_copies_answers_as_recorded_by_default(
    side: ReadSide, bounds: str
) -> None:
    recorded = [
        each
        for each in questions()
        if each.bounds == bounds and each.query["type"] == "search" and not has_copies(each)
    ]

    found = await answered(side, recorded, bounds, collapse=True)

    allowed = tolerance(recorded_sums()["machine"])
    assert len(recorded) > 10
    assert [
        line
        for question, now in zip(recorded, found, strict=True)
        for line in differences(question.answer, now.answer, tolerance=allowed)
    ] == []


def test_machine_with_the_recorded_fingerprint_must_give_the_same_bits() -> None:
    here = fingerprint()

    assert tolerance(here) == 0.0
    assert tolerance(here | {"doubles": ""}) > 0.0
    assert not same(1.0, 1.0 + 2**-52, tolerance=tolerance(here))
    assert same(1.0, 1.0 + 2**-52, tolerance=tolerance(here | {"doubles": ""}))


@pytest.mark.parametrize(
    ("found", "different"),
    [
        ({"rows": [{"id": "a", "level": 1.5}, {"id": "b", "level": 0.5}]}, 0),
        ({"rows": [{"id": "a", "level": 1.5}, {"id": "b", "level": 0.5}], "new": 1}, 0),
        ({"rows": [{"id": "b", "level": 0.5}, {"id": "a", "level": 1.5}]}, 4),
        ({"rows": [{"id": "a", "level": 1.5}]}, 1),
        ({"rows": [{"id": "a", "level": 1.5}, {"id": "b"}]}, 1),
        ({"rows": [{"id": "a", "level": 1.5}, {"id": "b", "level": 0.5 + 2**-53}]}, 1),
    ],
)
def test_every_value_that_is_another_is_a_difference(found: object, different: int) -> None:
    recorded = {"rows": [{"id": "a", "level": 1.5}, {"id": "b", "level": 0.5}]}

    assert len(list(differences(recorded, found, tolerance=0.0))) == different
