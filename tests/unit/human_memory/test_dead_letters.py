"""What became of dead letters, and which of them a replay sends."""

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from human_memory.operations.dead_letters import Letter, letters_of, to_send
from human_memory.operations.requests import DiscardRequest, ReplayRequest, SomeDeadLetters
from schemas.dead_letters import DeadLetterOutcome, DeadLetterReason
from schemas.topics import REPLAYED_FROM


class Topic:
    """memory.dead-letters of one partition, and an inbox whose records are refused or not."""

    def __init__(self) -> None:
        self.records: list[Any] = []
        self.sent = 0
        self.inbox = 1_000

    def append(self, headers: list[tuple[str, bytes]], value: bytes = b"{}") -> str:
        offset = len(self.records)
        self.records.append(
            SimpleNamespace(partition=0, offset=offset, key=b"k", headers=headers, value=value)
        )
        return f"0:{offset}"

    def refuse(self, own: list[tuple[str, bytes]], offset: int) -> str:
        """A record of the inbox becomes a dead letter."""
        reason = DeadLetterReason(
            reason="too early",
            code="validation",
            service="ingest",
            topic="memory.inbox",
            partition=0,
            offset=offset,
            timestamp=1_700_000_000_000,
        )
        return self.append([*own, *reason.headers()])

    def command(self) -> str:
        self.inbox += 1
        return self.refuse([], self.inbox)

    def discard(self, place: str) -> None:
        self.append(DeadLetterOutcome(of=place, state="discarded").headers(), b"")

    @property
    def letters(self) -> list[Letter]:
        return letters_of(self.records)

    def replay(self, *, again: bool, refused: bool) -> list[str]:
        """Send all back, as the operation does; the origins of what was sent."""
        chosen = to_send(self.letters, again=again)
        for letter in chosen:
            self.inbox += 1
            to = f"memory.inbox 0:{self.inbox}"
            outcome = DeadLetterOutcome(of=letter.place, state="sent_back", sent_to=to)
            self.append(outcome.headers(), b"")
            if refused:
                self.refuse([(REPLAYED_FROM, letter.origin.encode())], self.inbox)
        return [letter.origin for letter in chosen]

    def states(self) -> list[str]:
        return [letter.state for letter in self.letters]


def test_letter_waits_until_something_becomes_of_it() -> None:
    topic = Topic()
    places = [topic.command() for _ in range(3)]

    topic.discard(places[0])

    assert topic.states() == ["discarded", "waiting", "waiting"]
    assert [letter.place for letter in topic.letters] == places


@pytest.mark.parametrize("refused", [True, False])
def test_replay_of_all_sends_each_once_however_often_it_is_called(refused: bool) -> None:
    topic = Topic()
    for _ in range(21):
        topic.command()

    sent = [len(topic.replay(again=False, refused=refused)) for _ in range(4)]

    assert sent == [21, 0, 0, 0]
    assert topic.states() == (
        ["returned"] * 21 + ["waiting"] * 21 if refused else ["sent_back"] * 21
    )


def test_letter_that_returned_names_the_one_it_became() -> None:
    topic = Topic()
    topic.command()
    topic.replay(again=False, refused=True)

    first, second = topic.letters

    assert (first.state, first.returned_as) == ("returned", second.place)
    assert first.origin == second.origin
    assert second.was_sent_back


def test_replay_that_is_asked_for_again_sends_each_record_once_and_nothing_discarded() -> None:
    topic = Topic()
    places = [topic.command() for _ in range(3)]
    topic.discard(places[1])
    topic.replay(again=False, refused=True)

    sent = [len(topic.replay(again=True, refused=True)) for _ in range(4)]

    assert sent == [2, 2, 2, 2]


@given(st.lists(st.sampled_from(["command", "replay", "refused", "again", "discard"]), max_size=30))
def test_no_history_makes_a_replay_send_a_record_twice(steps: list[str]) -> None:
    topic, sent = Topic(), list[str]()
    for step in steps:
        if step == "command":
            topic.command()
        elif step == "discard":
            for letter in topic.letters[:1]:
                topic.discard(letter.place)
        elif step == "again":
            origins = topic.replay(again=True, refused=True)
            assert len(set(origins)) == len(origins)
            sent += [each for each in origins if each not in sent]
        else:
            sent += topic.replay(again=False, refused=step == "refused")

    assert len(set(sent)) == len(sent)
    assert len({letter.origin for letter in topic.letters}) == steps.count("command")


def test_outcome_of_an_unknown_letter_and_foreign_records_change_nothing() -> None:
    topic = Topic()
    topic.command()
    topic.discard("0:99")
    topic.append([("outcome_of", b"0:0"), ("outcome_state", b"eaten")])
    topic.append([("outcome_of", b"\xff")])
    topic.append([])

    letters = topic.letters

    assert {letter.state for letter in letters} == {"waiting"}
    assert [letter.reason is None for letter in letters] == [False, True, True, True]


@pytest.mark.parametrize(
    "outcome",
    [
        DeadLetterOutcome(of="3:17", state="discarded"),
        DeadLetterOutcome(of="0:0", state="sent_back", sent_to="memory.inbox 3:2040"),
    ],
    ids=lambda outcome: outcome.state,
)
def test_outcome_is_read_as_it_was_written(outcome: DeadLetterOutcome) -> None:
    assert DeadLetterOutcome.from_headers(dict(outcome.headers())) == outcome


@pytest.mark.parametrize("headers", [{}, {"outcome_of": b"x", "outcome_state": b"discarded"}])
def test_other_headers_are_no_outcome(headers: dict[str, bytes]) -> None:
    with pytest.raises(ValidationError):
        DeadLetterOutcome.from_headers(headers)


@pytest.mark.parametrize("request_", [ReplayRequest, DiscardRequest])
def test_request_that_chooses_no_dead_letter_is_refused(request_: type[SomeDeadLetters]) -> None:
    with pytest.raises(ValidationError, match="say all: true"):
        request_.model_validate({"code": "validation"})
