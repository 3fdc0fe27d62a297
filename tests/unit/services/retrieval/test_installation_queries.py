"""Answers about the whole installation: how far a rebuild is, and which namespaces there are."""

from itertools import count
from uuid import UUID

import pytest

from schemas.events import MemoryEvent
from schemas.ids import derive
from schemas.installation import RebuildResult
from schemas.queries import Namespaces, RebuildQuery
from services.retrieval.queries.installation import InstallationQueries
from tests.builders import TIME_MS, forgotten_event, memory_id
from tests.fakes.folded_side import FoldedSide
from tests.fakes.installation_reader import FoldedInstallationReader
from tests.sequences import small_stored

NUMBERS = count()


def stored(namespace: str) -> MemoryEvent:
    number = next(NUMBERS)
    envelope = {"id": derive("event", number), "time": TIME_MS, "namespace": namespace}
    return small_stored(memory_id(str(number)), envelope=envelope)


def folded(events: int, *, beside: int | None = None, target: int = 0) -> FoldedSide:
    """A partition with some events, and what is known of its builds."""
    side = FoldedSide(*(stored("a/0") for _ in range(events)))
    side.beside = None if beside is None else (side.live + 1, beside)
    side.target = target
    return side


def queries(*sides: FoldedSide) -> InstallationQueries:
    return InstallationQueries(FoldedInstallationReader(*sides))


@pytest.mark.parametrize(
    ("sides", "state"),
    [
        ((folded(10), folded(3)), (False, 0, 0)),
        ((folded(10, beside=2), folded(3, beside=1)), (True, 3, 13)),
        ((folded(10), folded(3, beside=3)), (True, 13, 13)),
        # After a loss the live build itself catches up.
        ((folded(10), folded(3, target=9)), (True, 3, 9)),
        ((folded(10), folded(3, target=3)), (False, 3, 3)),
    ],
    ids=["nothing", "both beside", "one switched", "after a loss", "a loss made good"],
)
async def test_state_of_a_rebuild_is_how_far_the_build_is_that_is_made(
    sides: tuple[FoldedSide, FoldedSide], state: tuple[bool, int, int]
) -> None:
    reply = await queries(*sides).rebuild(RebuildQuery(namespace="any"))

    result = RebuildResult.model_validate(reply.result)
    assert (result.running, result.folded, result.total) == state


async def test_namespaces_of_all_partitions_are_paged_by_name() -> None:
    first_of_three = stored("a/0")
    envelope = {"id": derive("forgotten"), "time": TIME_MS, "namespace": "a/0"}
    forgotten = forgotten_event(UUID(first_of_three.subject), envelope=envelope)
    one = FoldedSide(first_of_three, stored("a/0"), stored("a/0"), stored("c/0"), forgotten)
    other = FoldedSide(stored("a/1"), stored("b/1"))
    asked = queries(one, other)

    first = (await asked.namespaces(Namespaces(namespace="any", limit=3), 0)).unwrap()
    rest = (
        await asked.namespaces(Namespaces(namespace="any", cursor=first["next_cursor"]), 0)
    ).unwrap()
    some = (await asked.namespaces(Namespaces(namespace="any", prefix="a/"), 0)).unwrap()

    assert [each["namespace"] for each in first["namespaces"]] == ["a/0", "a/1", "b/1"]
    assert [each["namespace"] for each in rest["namespaces"]] == ["c/0"]
    assert (rest["next_cursor"], some["total"]) == (None, 2)
    assert first["namespaces"][0] == {
        "namespace": "a/0",
        "total": 3,
        "active": 2,
        "decayed": 0,
        "deleted": 1,
    }
