"""What decay and the strategies of forgetting do, on a virtual clock."""

import pytest

from schemas.codec import decode_maintenance
from schemas.errors import NotFound, Rejected
from schemas.events import MemoryDecayed
from schemas.fields import Emotion
from schemas.ids import derive
from schemas.inbox import SetParameters
from schemas.jobs import parameters_of
from schemas.parameters import Parameters
from services.readside.collections import RUNS
from tests.fakes.maintenance_side import FoldedReadSide
from tests.unit.services.maintenance.living import (
    DAY_MS,
    HOUR_MS,
    START_MS,
    bias,
    count,
    in_force,
    rehearsals,
    status,
    store,
    use,
    world,
)


async def test_import_of_an_old_conversation_archives_nothing_at_once() -> None:
    own = world()
    memory = await store(own, "Long ago.", occurred_at=START_MS - 400 * DAY_MS)

    await own.run("decay")
    assert status(own, memory) == "active"
    own.now_ms += 8 * DAY_MS
    await own.run("decay")

    assert status(own, memory) == "decayed"


async def test_decay_looks_only_at_what_is_due() -> None:
    own = world()
    for number in range(20):
        own.now_ms = START_MS + number * DAY_MS
        await store(own, f"Day {number}.")
    await own.run("decay")

    own.now_ms += HOUR_MS
    result = await own.run("decay")

    assert result.report["memories_examined"] == 0
    own.now_ms += DAY_MS
    result = await own.run("decay")
    assert count(result, "memories_examined") <= 3


async def test_what_moved_us_lasts_longer_than_what_differs_in_nothing_else() -> None:
    own = world()
    felt = Emotion(valence=-0.9, arousal=1.0, salience=0.9)
    plain = await store(own, "The door was red.", emotion=Emotion())
    moving = await store(own, "The door was red.", emotion=felt)

    own.now_ms += 8 * DAY_MS
    await own.run("decay")

    assert (status(own, plain), status(own, moving)) == ("decayed", "active")


async def test_what_moved_us_is_replayed_before_what_differs_in_nothing_else() -> None:
    drawn = []
    for number in range(20):
        own = world()
        own.namespace = f"draw/{number}"
        felt = Emotion(valence=-0.9, arousal=1.0, salience=0.9)
        plain = await store(own, "The door was red.", emotion=Emotion())
        moving = await store(own, "The door was red.", emotion=felt)
        own.now_ms += HOUR_MS
        await own.run("consolidation", phases=["replay"], replays_max=1)
        drawn.append((rehearsals(own, plain), rehearsals(own, moving)))

    assert set(drawn) == {(0, 1)}


async def test_prune_archives_the_plain_one_of_two_that_differ_in_nothing_else() -> None:
    own = world()
    felt = Emotion(valence=-0.9, arousal=1.0, salience=0.9)
    plain = await store(own, "The door was red.", emotion=Emotion())
    moving = await store(own, "The door was red.", emotion=felt)

    own.now_ms += 8 * DAY_MS
    result = await own.run("consolidation", phases=["prune"])

    assert result.report["memories_pruned"] == 1
    assert (status(own, plain), status(own, moving)) == ("decayed", "active")


async def test_capacity_archives_the_weakest_and_spares_the_pinned() -> None:
    own = world()
    pinned = await store(own, "Pinned.", pinned=True)
    weak, used, new = [await store(own, name) for name in ("Weak.", "Used.", "New.")]
    own.now_ms += HOUR_MS
    await use(own, used, new)

    result = await own.run("capacity", capacity=3)

    assert result.report["memories_affected"] == 1
    assert [status(own, each) for each in (pinned, weak, used, new)] == [
        "active", "decayed", "active", "active",
    ]  # fmt: skip


async def test_prune_spares_what_a_goal_means_or_names() -> None:
    own = world()
    named = await store(own, "AI agents plan.")
    similar = await store(own, "Learn about AI agents")
    other = await store(own, "An important airport.")

    result = await own.run("strategic_prune", goals=["AI"])

    assert (bias(own, named), bias(own, similar), bias(own, other)) == (0.0, 0.0, -0.5)
    assert result.report["memories_affected"] == 1
    assert (await own.run("strategic_prune")).report["memories_affected"] == 0


async def test_similar_memories_compete_by_how_similar_they_are() -> None:
    own = world()
    old = await store(own, "tea at four in the garden")
    other = await store(own, "a quarrel about money")
    own.now_ms += HOUR_MS
    newest = await store(own, "tea at four in the garden")

    await own.run("interference")

    assert bias(own, old) == pytest.approx(-0.2, abs=0.01)
    assert (bias(own, other), bias(own, newest)) == (0.0, 0.0)


async def test_practice_lowers_what_was_similar_and_not_retrieved() -> None:
    own = world()
    retrieved = await store(own, "tea at four in the garden")
    rival = await store(own, "tea at four in the kitchen garden")
    await use(own, retrieved)

    await own.run("rif", retrieved=[str(retrieved)])

    assert (bias(own, retrieved), bias(own, rival)) == (0.0, -0.15)


async def test_what_cannot_be_done_is_refused_and_reported() -> None:
    own = world()
    await store(own, "Something.")
    for job, wrong in (
        ("capacity", {"capacity": -1}),
        ("strategic_prune", {"goals": [" "]}),
        ("decay", {"speed": 2}),
        ("consolidation", {"phases": ["dream"]}),
    ):
        with pytest.raises(Rejected):
            parameters_of(job, wrong)
    with pytest.raises(Rejected, match="job"):
        decode_maintenance(b'{"type": "run", "namespace": "year", "job": "hypnosis"}')
    with pytest.raises(NotFound):
        await own.run("interference", memory_id=str(derive("nobody")))
    failed = next(iter(own.view.namespace(own.namespace)[RUNS].values()))
    assert failed.error is not None
    assert failed.error["code"] == "not_found"
    assert "not in namespace" in failed.error["message"]


async def test_parameters_that_lower_the_horizon_are_noticed() -> None:
    own = world()
    memory = await store(own, "The harbour was closed.")
    own.now_ms += DAY_MS
    shorter = Parameters(horizon_seconds=3_600.0)
    await own.tell(SetParameters(namespace=own.namespace, parameters=shorter))
    await FoldedReadSide(own).look_at_all(own.namespace, in_force(own))

    await own.run("decay")

    assert status(own, memory) == "decayed"


async def test_decay_archives_what_has_expired_with_the_reason_pinned_or_not() -> None:
    own = world()
    ends_ms = own.now_ms + HOUR_MS
    gone = [await store(own, f"{n}.", pinned=n == "B", expires_at=ends_ms) for n in ("A", "B")]
    later = await store(own, "C.", pinned=True, expires_at=ends_ms + 1)
    own.now_ms = ends_ms

    result = await own.run("decay")

    assert result.report["memories_decayed"] == 2
    assert [status(own, each) for each in (*gone, later)] == ["decayed", "decayed", "active"]
    archived = [each for each in own.events if isinstance(each, MemoryDecayed)]
    assert [each.data.reason for each in archived] == ["expired", "expired"]
