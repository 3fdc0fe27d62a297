"""Old events in new clothes: a worked example of giving an event type a second version."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, TypeAdapter

from schemas.codec import decode_event, decode_versioned
from schemas.errors import InvariantBroken, Rejected, UnknownEventVersion
from schemas.events import MEMORY_EVENT, Event, MemoryAccessed, StoredData
from schemas.fields import Message
from schemas.problems import known_types
from schemas.upcasters import JsonObject, Upcaster, split_version, upcast

GOLDEN = Path(__file__).parents[3] / "schemas/golden"
STORED_V1: JsonObject = json.loads((GOLDEN / "memory.stored.v1.json").read_text())


class Language(Message):
    tag: str


class StoredDataV2(StoredData):
    language: Language


class MemoryStoredV2(Event):
    """What the model would become: `data` has got a language."""

    type: Literal["memory.stored.v2"] = "memory.stored.v2"
    data: StoredDataV2


EVENTS_WITH_V2: TypeAdapter[MemoryStoredV2 | MemoryAccessed] = TypeAdapter(
    Annotated[MemoryStoredV2 | MemoryAccessed, Field(discriminator="type")]
)


def stored_v1_v2(event: JsonObject) -> JsonObject:
    """`data.language`: what v1 did not know is said to be undetermined."""
    data = event["data"] | {"language": {"tag": "und"}}
    return event | {"type": "memory.stored.v2", "data": data}


def stored_v2_v3(event: JsonObject) -> JsonObject:
    return event | {"type": "memory.stored.v3"}


UPCASTERS: Mapping[str, Upcaster] = {"memory.stored.v1": stored_v1_v2}
KNOWN = known_types(MEMORY_EVENT) - {"memory.stored.v1"} | {"memory.stored.v2"}


def test_event_of_the_old_version_is_read_as_the_new_one() -> None:
    record = json.dumps(STORED_V1).encode()

    memory = decode_versioned(EVENTS_WITH_V2, record, UPCASTERS)

    assert isinstance(memory, MemoryStoredV2)
    assert memory.data.language.tag == "und"
    assert memory.data.content == STORED_V1["data"]["content"]
    assert str(memory.id) == STORED_V1["id"]


def test_event_of_the_new_version_is_read_without_its_upcaster() -> None:
    record = json.dumps(stored_v1_v2(STORED_V1)).encode()

    memory = decode_versioned(EVENTS_WITH_V2, record, {})

    assert memory == decode_versioned(EVENTS_WITH_V2, json.dumps(STORED_V1).encode(), UPCASTERS)


def test_old_event_that_its_upcaster_makes_invalid_is_rejected_by_field() -> None:
    record = json.dumps(STORED_V1 | {"time": "yesterday"}).encode()

    with pytest.raises(Rejected, match="time: a time is an RFC 3339 string"):
        decode_versioned(EVENTS_WITH_V2, record, UPCASTERS)


def test_upcasting_leaves_the_record_as_it_was() -> None:
    before = json.dumps(STORED_V1)

    upcast(STORED_V1, KNOWN, UPCASTERS)

    assert json.dumps(STORED_V1) == before


def test_event_of_the_newest_version_is_left_alone() -> None:
    event = stored_v1_v2(STORED_V1)

    assert upcast(event, KNOWN, UPCASTERS) is event


def test_versions_are_climbed_step_by_step() -> None:
    known = frozenset({"memory.stored.v3"})

    event = upcast(STORED_V1, known, {**UPCASTERS, "memory.stored.v2": stored_v2_v3})

    assert event["type"] == "memory.stored.v3"
    assert event["data"]["language"] == {"tag": "und"}


def test_upcaster_that_does_not_climb_is_a_bug_that_shows() -> None:
    def circling(event: JsonObject) -> JsonObject:
        return dict(event)

    with pytest.raises(AssertionError, match=r"memory\.stored\.v1 became memory\.stored\.v1"):
        upcast(STORED_V1, KNOWN, {"memory.stored.v1": circling})


@pytest.mark.parametrize("version", ["v2", "v10", "v99999"])
def test_newer_version_of_a_known_type_stops_the_partition(version: str) -> None:
    newer = json.dumps({"type": f"memory.stored.{version}", "data": {}}).encode()

    with pytest.raises(UnknownEventVersion, match=r"knows memory\.stored up to v1; upgrade") as e:
        decode_event(newer)

    assert e.value.details == {"event_type": f"memory.stored.{version}"}
    assert isinstance(e.value, InvariantBroken)


@pytest.mark.parametrize(
    "event_type",
    [
        "memory.dreamt.v1",
        "memory.stored",
        "memory.stored.v0",
        "memory.stored.v01",
        "x",
        "",
        7,
        None,
    ],
)
def test_event_of_an_unknown_type_is_rejected(event_type: Any) -> None:
    foreign = json.dumps({"type": event_type, "data": {}}).encode()

    with pytest.raises(Rejected, match=r"known: concept\.deleted\.v1, concept\.merged"):
        decode_event(foreign)


def test_event_without_a_type_is_rejected() -> None:
    with pytest.raises(Rejected, match="type: is required; known: concept"):
        decode_event(b"{}")


def test_every_event_type_has_a_name_and_a_version() -> None:
    versions = [split_version(event_type) for event_type in known_types(MEMORY_EVENT)]

    assert None not in versions
    assert len(set(versions)) == 20
