"""Episodes and sentences that a fact or a concept cannot hold: the rest is learnt all the same."""

from services.readside.collections import CONCEPTS
from tests.unit.services.maintenance.living import HOUR_MS, contents, count, store, world


class Blank:
    """A language model that says nothing at first."""

    name = "blank"

    def __init__(self) -> None:
        self.asked = 0

    async def fact(self, texts: list[str]) -> str | None:
        self.asked += 1
        return " " if self.asked == 1 else texts[0]


async def test_key_of_many_characters_is_no_topic_and_the_fact_is_learnt() -> None:
    own = world()
    for when in ("today", "again", "late"):
        await store(own, f"Ann's key is {'0a1b2c3d4' * 80} {when}")
    own.now_ms += HOUR_MS

    result = await own.run("consolidation")

    assert count(result, "facts_extracted") == 1
    names = own.view.namespace(own.namespace)[CONCEPTS]
    assert max(map(len, names)) <= 64
    assert "key" in names


async def test_number_is_no_topic() -> None:
    own = world()
    for when in ("today", "again", "late"):
        await store(own, f"42 42 42 tram {when}")
    own.now_ms += HOUR_MS

    result = await own.run("consolidation")

    assert count(result, "facts_extracted") == 1
    names = own.view.namespace(own.namespace)[CONCEPTS]
    assert "tram" in names
    assert "42" not in names


async def test_sentence_no_memory_may_hold_leaves_its_cluster_without_a_fact() -> None:
    own = world()
    own.wording = Blank()
    for thing in ("green tea daily", "kites in wind"):
        for when in ("now", "then", "soon"):
            await store(own, f"{thing} {when}")
    own.now_ms += HOUR_MS

    result = await own.run("consolidation")

    assert count(result, "clusters_unworded") == 1
    assert result.report["extract_error"] == "a sentence was worded that no memory may hold"
    assert count(result, "facts_extracted") == 1
    assert len(contents(own, "semantic")) == 1
