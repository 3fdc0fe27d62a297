"""The contract of the projection store on the fake and on Redis, and what only Redis has."""

import secrets
from collections.abc import AsyncIterator

import numpy as np
import pytest

from schemas.errors import Unavailable
from schemas.events import MemoryEvent
from services.common.redis import RedisClient, connect
from services.projection import batch
from services.projection.adapters.redis_projection import RedisProjection
from services.projection.builds import BuildsBeside, ReadSide
from services.projection.digest import digest_of_build, digest_of_view
from services.projection.fold.view import Needs, View
from services.projection.pause import unlink
from services.projection.ports import Outcome
from services.projection.settings import ProjectionSettings
from services.readside.collections import CONTENTS, Contents
from services.readside.fold_version import FOLD
from services.readside.layout import Status
from services.readside.live_build import LiveBuild
from tests.builders import (
    TIME_MS,
    accessed_event,
    concept_event,
    decayed_event,
    forgotten_event,
    namespace_deleted_event,
    parameters_event,
    progressed_event,
    relation_event,
    restored_event,
    superseded_event,
)
from tests.contract.answering_contract import AnsweringContract
from tests.contract.folding import fold_all, fold_into
from tests.contract.projection_contract import ProjectionContract, digest_of
from tests.contract.projection_damages import ANN, BOB, CID, DAMAGES, NAMESPACE, RUN, Damage
from tests.contract.wider_contents import MOODS, WIDER, fold, references
from tests.engines import Engines
from tests.fakes.projection import MemoryProjection
from tests.sequences import DIMENSION, around, at_offsets, small_stored


class RedisSide(RedisProjection):
    """The real store under keys of its own, with what a test must see of it."""

    def __init__(
        self,
        redis: RedisClient,
        prefix: str,
        *,
        mark: str = "",
        contents: Contents = CONTENTS,
    ) -> None:
        super().__init__(redis, prefix, dimension=DIMENSION, mark=mark, contents=contents)
        self.redis = redis
        self.prefix = prefix
        self.contents = contents

    async def digest(self, partition: int, version: int) -> str:
        return await digest_of_build(self.redis, self.layout(partition, version), self.contents)

    async def answers(self, partition: int) -> bool:
        try:
            await LiveBuild(self.redis, self.prefix, partitions=partition + 1).read(
                partition, lambda _: []
            )
        except Unavailable:
            return False
        return True

    async def hold(self, partition: int, offset: int | None) -> None:
        if offset is None:
            await self.redis.delete(self.control(partition).hold)
        else:
            await self.redis.set(self.control(partition).hold, offset)

    async def switch(self, partition: int, version: int) -> None:
        await self.ensure_index(version)
        await self.redis.set(self.control(partition).live, version)

    async def made_by(self, partition: int, version: int, fold: int) -> None:
        await self.redis.set(self.layout(partition, version).fold, fold)

    async def lose_everything(self) -> None:
        """FLUSHALL for our keys: others may be testing on the same Redis."""
        for name in await self.redis.execute_command("FT._LIST"):
            if name.decode().startswith(self.prefix):
                await self.redis.execute_command("FT.DROPINDEX", name)
        await unlink(self.redis, f"{self.prefix}*")

    async def found(self, status: Status, version: int = 1) -> list[str]:
        """Ids that the search index of a status finds in our namespace."""
        reply = await self.redis.execute_command(
            "FT.SEARCH", self.layout(0, version).index(status), "@ns:{$ns}",
            "PARAMS", 2, "ns", NAMESPACE, "NOCONTENT", "DIALECT", 2,
        )  # fmt: skip
        return [key.decode().rpartition(":")[2] for key in reply[1:]]


def read_side(store: RedisSide) -> ReadSide:
    """A read side of one partition."""
    return ReadSide(ProjectionSettings(partitions=1), store.redis, store)


@pytest.fixture
async def redis(stack: Engines) -> AsyncIterator[RedisClient]:
    client = connect(stack.redis)
    yield client
    await client.aclose()


@pytest.fixture
async def side(redis: RedisClient) -> AsyncIterator[RedisSide]:
    store = RedisSide(redis, f"hm:contract-{secrets.token_hex(4)}:")
    yield store
    await store.lose_everything()


class TestMemoryProjection(ProjectionContract, AnsweringContract):
    @pytest.fixture
    def projection(self) -> MemoryProjection:
        return MemoryProjection()


@pytest.mark.integration
class TestRedisProjection(ProjectionContract, AnsweringContract):
    @pytest.fixture
    def projection(self, side: RedisSide) -> RedisSide:
        return side

    async def test_batch_of_more_different_words_than_lua_takes_at_once_is_folded(
        self, side: RedisSide
    ) -> None:
        # A memory of 32,768 characters may have so many by itself.
        words = " ".join(f"{number:x}" for number in range(6_000))
        events: list[MemoryEvent] = [
            small_stored(ANN, envelope=around(TIME_MS), content=words),
            forgotten_event(ANN, envelope=around(TIME_MS + 1)),
        ]
        await side.live_version(0)

        for offset, event in enumerate(events):
            await fold_all(side, [[(offset, event)]], partition=0)

        assert await side.digest(0, 1) == digest_of(at_offsets(events))

    async def test_memory_is_found_in_the_index_of_its_status_only(self, side: RedisSide) -> None:
        steps: list[tuple[MemoryEvent, Status]] = [
            (small_stored(ANN, envelope=around(TIME_MS)), "active"),
            (decayed_event(ANN, envelope=around(TIME_MS + 1)), "decayed"),
            (forgotten_event(ANN, envelope=around(TIME_MS + 2)), "deleted"),
            (restored_event(ANN, envelope=around(TIME_MS + 3)), "active"),
            (forgotten_event(ANN, envelope=around(TIME_MS + 4)), "deleted"),
            (restored_event(ANN, envelope=around(TIME_MS + 5)), "active"),
        ]
        await side.live_version(0)

        for offset, (event, status) in enumerate(steps):
            await fold_all(side, [[(offset, event)]], partition=0)

            for indexed in ("active", "decayed"):
                expected = [str(ANN)] if status == indexed else []
                assert await side.found(indexed) == expected

    async def test_memory_that_comes_and_goes_in_one_batch_leaves_no_document_behind(
        self, side: RedisSide
    ) -> None:
        events = at_offsets(
            [
                small_stored(ANN, envelope=around(TIME_MS)),
                forgotten_event(ANN, envelope=around(TIME_MS + 1)),
            ]
        )
        await side.live_version(0)

        await fold_all(side, [events], partition=0)

        documents = [key async for key in side.redis.scan_iter(match=f"{side.prefix}*:{ANN}")]
        layout = side.layout(0, 1)
        assert sorted(key.decode() for key in documents) == sorted(
            [layout.document("deleted", NAMESPACE, ANN), layout.record(NAMESPACE, ANN)]
        )
        assert await side.found("active") == []

    async def test_rebuild_writes_beside_the_live_build_whatever_is_held(
        self, side: RedisSide
    ) -> None:
        events = at_offsets([small_stored(ANN, envelope=around(TIME_MS))])
        await side.live_version(0)
        await side.hold(0, 0)
        _, mark = await BuildsBeside(read_side(side)).begin()
        rebuilding = RedisSide(side.redis, side.prefix, mark=mark)

        outcome = await fold_into(rebuilding, events, partition=0, version=2)

        assert outcome == Outcome("applied", 1)
        assert await side.digest(0, 2) == digest_of(events)
        assert await side.found("active", version=2) == [str(ANN)]
        assert await side.found("active", version=1) == []
        assert await side.cursor(0, 1) == 0

    async def test_build_is_opened_once_by_the_fold_that_finds_nothing(
        self, side: RedisSide
    ) -> None:
        before = await side.fold(0, 1)
        await side.open(0, 1)
        opened = await side.fold(0, 1)
        await side.made_by(0, 1, 7)

        await side.open(0, 1)

        assert (before, opened, await side.fold(0, 1)) == (None, FOLD, 7)

    async def test_first_batch_says_which_fold_made_the_build(self, side: RedisSide) -> None:
        await side.live_version(0)

        await fold_into(
            side, at_offsets([small_stored(ANN, envelope=around(TIME_MS))]), partition=0
        )

        assert await side.fold(0, 1) == FOLD

    async def test_build_from_before_folds_were_remembered_has_the_fold_0(
        self, side: RedisSide
    ) -> None:
        await side.live_version(0)
        await side.redis.set(side.layout(0, 1).cursor, 3)
        events = at_offsets([small_stored(ANN, envelope=around(TIME_MS))], 3)

        await side.open(0, 1)
        await fold_into(side, events, partition=0)

        assert (await side.cursor(0, 1), await side.fold(0, 1)) == (4, 0)

    async def test_index_made_again_finds_what_was_there_before(self, side: RedisSide) -> None:
        await side.live_version(0)
        events = at_offsets([small_stored(ANN, envelope=around(TIME_MS))])
        await fold_all(side, [events], partition=0)

        await side.ensure_index(1)

        assert await side.found("active") == [str(ANN)]


@pytest.mark.integration
@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
async def test_digest_notices_damage(side: RedisSide, damage: Damage) -> None:
    data = {"context": "at home", "tags": ["one"], "session": "monday", "concepts": ["tea"]}
    events = at_offsets(
        [
            namespace_deleted_event(envelope=around(TIME_MS, "deleted")),
            progressed_event(RUN, envelope=around(TIME_MS, "begun"), phase="begin"),
            small_stored(ANN, envelope=around(TIME_MS), **data),
            small_stored(
                BOB,
                envelope=around(TIME_MS + 1, "bob"),
                session="monday",
                expires_at=TIME_MS + 1_000,
            ),
            accessed_event(ANN, envelope=around(TIME_MS + 9), context="again"),
            forgotten_event(ANN, envelope=around(TIME_MS + 10)),
            restored_event(ANN, envelope=around(TIME_MS + 11)),
            superseded_event(ANN, BOB, envelope=around(TIME_MS + 12)),
            concept_event("tea", envelope=around(TIME_MS + 13)),
            concept_event("cup", envelope=around(TIME_MS + 14)),
            relation_event("tea", "cup", envelope=around(TIME_MS + 15)),
            concept_event("pot", envelope=around(TIME_MS + 18), run_id=RUN),
            parameters_event(envelope=around(TIME_MS + 16), spacing_scale=0.0),
            progressed_event(RUN, envelope=around(TIME_MS + 17)),
        ]
    )
    await side.live_version(0)
    await fold_all(side, [events], partition=0)
    assert await side.digest(0, 1) == digest_of(events)

    await damage(side.redis, side.layout(0, 1))

    assert await side.digest(0, 1) != digest_of(events)


@pytest.mark.integration
async def test_collection_and_field_added_in_one_place_are_written_read_digested_and_rebuilt(
    redis: RedisClient, side: RedisSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "references", references)
    monkeypatch.setattr(batch, "fold", fold)
    glad, sad = ({"valence": number, "arousal": 0.5, "salience": 0.5} for number in (0.75, -0.5))
    events = at_offsets(
        [
            small_stored(ANN, envelope=around(TIME_MS), emotion=glad),
            small_stored(BOB, envelope=around(TIME_MS + 1, "bob"), emotion=sad),
            small_stored(CID, envelope=around(TIME_MS + 2, "cid"), emotion=glad),
            accessed_event(ANN, envelope=around(TIME_MS + 3)),
        ]
    )
    live = RedisSide(redis, side.prefix, contents=WIDER)
    whole = View()
    for offset, event in events:
        fold(whole, event, offset)
    await live.live_version(0)
    _, mark = await BuildsBeside(read_side(live)).begin()
    rebuilding = RedisSide(redis, side.prefix, contents=WIDER, mark=mark)

    await fold_all(live, [[event] for event in events], partition=0)
    await fold_all(rebuilding, [events], partition=0, version=2)

    needs = Needs(memories={(NAMESPACE, ANN): None}, namespaces={NAMESPACE})
    needs.of(MOODS, NAMESPACE).update(["glad", "sad", "none"])
    _, view = await live.load(0, 1, needs)
    assert view.namespaces[NAMESPACE][MOODS] == {"glad": 2, "sad": 1}
    assert view.memories[NAMESPACE, ANN].state == whole.memories[NAMESPACE, ANN].state
    record = await redis.get(live.layout(0, 1).record(NAMESPACE, ANN))
    head, _ = WIDER.record.split_head(record)
    assert np.frombuffer(head, WIDER.record.dtype)["mood"].tolist() == [0.75]
    digest = digest_of_view(whole, WIDER)
    assert (await live.digest(0, 1), await live.digest(0, 2)) == (digest, digest)
    assert digest != digest_of_view(whole)
    await redis.hincrby(MOODS.key(live.layout(0, 1), NAMESPACE), "sad")
    assert await live.digest(0, 1) != digest
