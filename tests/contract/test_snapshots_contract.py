"""The contract of snapshots of graphs, on the fake and on files."""

from pathlib import Path

import pytest

from services.readside.concepts import Concept
from services.retrieval.adapters.graph_snapshots import FileSnapshots
from services.retrieval.graph.cached_graph import CachedGraph
from services.retrieval.ports import GraphSnapshots
from tests.fakes.graph_snapshots import MemorySnapshots

TEA = {"tea": Concept("drink", 0.5, ("cha",)), "cup": Concept("thing", 0.8, ())}
MORE = {"pot": Concept("thing", 0.1, ())}
IN_A_CUP = {("tea", "SERVED_IN", "cup"): 0.9}


def graph() -> CachedGraph:
    """A graph at an offset of a build, with changes that no snapshot has."""
    made = CachedGraph(version=3, cursor=17, mark=("an event", 16), changed=17)
    made.put(TEA, IN_A_CUP)
    return made


class SnapshotsContract:
    """Subclasses give only the `snapshots` fixture."""

    def test_where_nothing_was_saved_the_graph_is_empty(self, snapshots: GraphSnapshots) -> None:
        loaded = snapshots.load("acme")

        assert (len(loaded), loaded.version, loaded.cursor, loaded.mark) == (0, None, 0, None)

    def test_graph_comes_back_as_it_was_saved(self, snapshots: GraphSnapshots) -> None:
        snapshots.save("acme", graph())

        loaded = snapshots.load("acme")

        assert (loaded.concepts(), loaded.relations()) == (TEA, IN_A_CUP)
        assert (loaded.version, loaded.cursor, loaded.mark) == (3, 17, ("an event", 16))
        assert (loaded.changed, loaded.saved) == (17, 17)
        assert len(snapshots.load("other")) == 0

    def test_snapshot_that_was_dropped_is_gone(self, snapshots: GraphSnapshots) -> None:
        snapshots.save("acme", graph())
        snapshots.save("other", graph())

        snapshots.drop("acme")
        snapshots.drop("nobody")

        assert (len(snapshots.load("acme")), len(snapshots.load("other"))) == (0, 3)

    def test_saved_graph_knows_that_it_is(self, snapshots: GraphSnapshots) -> None:
        own = graph()

        snapshots.save("acme", own)

        assert own.saved == 17

    def test_snapshot_stays_as_it_is_until_another_takes_its_place(
        self, snapshots: GraphSnapshots
    ) -> None:
        own = graph()
        snapshots.save("acme", own)
        snapshots.load("acme").put(MORE, {})
        own.put(MORE, {})
        before = snapshots.load("acme").concepts()

        snapshots.save("acme", own)

        assert before == TEA
        assert snapshots.load("acme").concepts() == TEA | MORE


class TestMemorySnapshots(SnapshotsContract):
    @pytest.fixture
    def snapshots(self) -> MemorySnapshots:
        return MemorySnapshots()


class TestFileSnapshots(SnapshotsContract):
    @pytest.fixture
    def snapshots(self, tmp_path: Path) -> FileSnapshots:
        return FileSnapshots(tmp_path, "hm:")
