"""How far a rebuild is, and which namespaces there are, from a Redis of a few lines."""

from typing import Any

import pytest

from schemas.installation import RebuildResult
from schemas.queries import Namespaces, RebuildQuery
from services.readside.layout import Control, Layout, rebuilding_key
from services.retrieval.adapters.redis_installation import RedisInstallationReader
from services.retrieval.queries.installation import InstallationQueries

PREFIX = "hm::"


class Build:
    """The live build 4 of two partitions; `keys` are those of Redis."""

    def __init__(self, folded: dict[int, int], keys: dict[str, Any]) -> None:
        self._folded = folded
        self._keys = keys

    def version(self, partition: int) -> int:
        return 4

    def partition(self, namespace: str) -> int:
        return int(namespace[-1])

    async def read(self, partition: int, queue: Any, **_: Any) -> tuple[int, list[Any]]:
        commands = queue(Layout(PREFIX, 4, partition))
        return self._folded[partition], [self._run(*command) for command in commands]

    def _run(self, command: str, key: str, *fields: str) -> Any:
        value: Any = self._keys.get(key)
        match command:
            case "EXISTS":
                return int(value is not None)
            case "HMGET":
                return [value.get(field) for field in fields]
            case "SMEMBERS":
                return value or set()
            case _:
                return value


def queries(folded: dict[int, int], keys: dict[str, Any]) -> InstallationQueries:
    build: Any = Build(folded, keys)
    return InstallationQueries(RedisInstallationReader(build, partitions=2))


def beside(partition: int) -> str:
    return Layout(PREFIX, 5, partition).cursor


@pytest.mark.parametrize(
    ("keys", "state"),
    [
        ({}, (False, 0, 0)),
        ({rebuilding_key(PREFIX): b"x", beside(0): b"10", beside(1): b"5"}, (True, 15, 130)),
        ({rebuilding_key(PREFIX): b"x", beside(1): b"30"}, (True, 130, 130)),
        # After a loss the live build itself catches up.
        ({Control(PREFIX, 1).target: b"90"}, (True, 30, 90)),
        ({Control(PREFIX, 1).target: b"30"}, (False, 30, 30)),
    ],
    ids=["nothing", "both beside", "one switched", "after a loss", "a loss made good"],
)
async def test_state_of_a_rebuild_is_how_far_the_build_is_that_is_made(
    keys: dict[str, Any], state: tuple[bool, int, int]
) -> None:
    reply = await queries({0: 100, 1: 30}, keys).rebuild(RebuildQuery(namespace="any"))

    result = RebuildResult.model_validate(reply.result)
    assert (result.running, result.folded, result.total) == state


async def test_namespaces_of_all_partitions_are_paged_by_name() -> None:
    counts = {"active": b"2", "decayed": None, "deleted": b"1"}
    keys: dict[str, Any] = {}
    for partition, names in enumerate([["a/0", "c/0"], ["a/1", "b/1"]]):
        layout = Layout(PREFIX, 4, partition)
        keys[layout.namespaces] = {name.encode() for name in names}
        keys |= {layout.counts(name): counts for name in names}
    asked = queries({0: 1, 1: 1}, keys)

    first = (await asked.namespaces(Namespaces(namespace="any", limit=3))).unwrap()
    rest = (
        await asked.namespaces(Namespaces(namespace="any", cursor=first["next_cursor"]))
    ).unwrap()
    some = (await asked.namespaces(Namespaces(namespace="any", prefix="a/"))).unwrap()

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
