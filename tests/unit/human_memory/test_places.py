"""Places of dead letters as they are given: what is no place is not found, whatever it is."""

import pytest

from human_memory.bus.bus import Bus
from human_memory.bus.settings import KafkaSettings
from human_memory.deadline import Deadline
from human_memory.operations import dead_letters
from human_memory.operations.context import RequestContext
from human_memory.operations.requests import DeadLetterRequest, ReplayRequest
from schemas.errors import NotFound

NO_PLACES = ["", "7", "1:", "1:²", "²:1", "-1:1", "1:1:1", "1: 1", "1:1\n", "1" * 30 + ":1"]


@pytest.fixture
def context() -> RequestContext:
    """A request that gets no answer from Kafka."""
    bus = Bus(KafkaSettings(kafka="127.0.0.1:1"))
    return RequestContext(bus, "default", Deadline.after(10))


@pytest.mark.parametrize("place", NO_PLACES)
async def test_what_is_no_place_is_not_found(context: RequestContext, place: str) -> None:
    with pytest.raises(NotFound, match="no dead letter at"):
        await dead_letters.get_dead_letter(DeadLetterRequest(place=place), context)


async def test_of_places_that_are_sent_again_each_must_be_one(context: RequestContext) -> None:
    with pytest.raises(NotFound, match="no dead letter at 1:²"):
        await dead_letters.replay_dead_letters(ReplayRequest(places=["1:1", "1:²"]), context)
