"""The example conversation keeps the form that the demo and the measurements read."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

PATH = Path(__file__).parents[2] / "examples" / "conversation.json"
CATEGORIES = {"single-hop", "multi-hop", "temporal", "open-domain", "adversarial"}
FILE_BYTES_MAX = 200_000


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(PATH.read_text(encoding="utf-8"))
    return loaded


@pytest.fixture(scope="module")
def dialogue(document: dict[str, Any]) -> dict[str, Any]:
    (only,) = document["dialogues"]
    assert isinstance(only, dict)
    return only


def occurred_at(turn: dict[str, Any]) -> datetime:
    return datetime.strptime(turn["time"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


def test_file_has_exactly_the_fields_of_its_form(
    document: dict[str, Any], dialogue: dict[str, Any]
) -> None:
    turn_fields = {frozenset(turn) for turn in dialogue["turns"]}
    question_fields = {frozenset(question) for question in dialogue["questions"]}

    assert set(document) == {"source", "dialogues"}
    assert set(dialogue) == {"id", "turns", "questions"}
    assert turn_fields == {frozenset({"id", "speaker", "session", "time", "text"})}
    assert question_fields == {frozenset({"id", "category", "question", "evidence"})}


def test_file_is_small_and_names_its_licence(document: dict[str, Any]) -> None:
    assert PATH.stat().st_size < FILE_BYTES_MAX
    assert "Apache-2.0" in document["source"]


def test_conversation_is_long_and_spread_over_months(dialogue: dict[str, Any]) -> None:
    turns = dialogue["turns"]

    assert len(turns) >= 200
    assert len({turn["session"] for turn in turns}) >= 10
    assert occurred_at(turns[-1]) - occurred_at(turns[0]) >= timedelta(days=90)


def test_two_speakers_say_something_in_every_session(dialogue: dict[str, Any]) -> None:
    speakers = {turn["speaker"] for turn in dialogue["turns"]}
    heard = {(turn["session"], turn["speaker"]) for turn in dialogue["turns"]}
    sessions = {turn["session"] for turn in dialogue["turns"]}

    assert len(speakers) == 2
    assert heard == {(session, speaker) for session in sessions for speaker in speakers}
    assert all(turn["text"] == turn["text"].strip() != "" for turn in dialogue["turns"])


def test_ids_are_unique(dialogue: dict[str, Any]) -> None:
    items = [*dialogue["turns"], *dialogue["questions"]]

    counts = Counter(item["id"] for item in items)

    assert {item_id for item_id, count in counts.items() if count > 1} == set()


def test_time_rises_with_every_turn_and_sessions_are_numbered_in_order(
    dialogue: dict[str, Any],
) -> None:
    turns = dialogue["turns"]

    assert all(occurred_at(a) < occurred_at(b) for a, b in pairwise(turns))
    assert turns[0]["session"] == 1
    assert all(b["session"] - a["session"] in (0, 1) for a, b in pairwise(turns))


def test_turns_of_a_session_follow_in_minutes_and_sessions_lie_hours_apart(
    dialogue: dict[str, Any],
) -> None:
    pairs = list(pairwise(dialogue["turns"]))

    inside = [occurred_at(b) - occurred_at(a) for a, b in pairs if a["session"] == b["session"]]
    between = [occurred_at(b) - occurred_at(a) for a, b in pairs if a["session"] != b["session"]]

    assert timedelta(seconds=20) <= min(inside) <= max(inside) <= timedelta(seconds=90)
    assert min(between) >= timedelta(hours=12)


def test_every_category_is_asked_and_no_other(dialogue: dict[str, Any]) -> None:
    questions = dialogue["questions"]

    assert {question["category"] for question in questions} == CATEGORIES
    assert len(questions) >= 45
    assert len({question["question"] for question in questions}) == len(questions)


def test_evidence_names_turns_of_the_conversation_once_each_in_order(
    dialogue: dict[str, Any],
) -> None:
    place = {turn["id"]: number for number, turn in enumerate(dialogue["turns"])}

    for question in dialogue["questions"]:
        places = [place[turn_id] for turn_id in question["evidence"]]
        assert places, question["id"]
        assert places == sorted(set(places)), question["id"]
