"""Conversation files as commands."""

from pathlib import Path

import pytest

from human_memory import conversation
from schemas.errors import Rejected
from schemas.ids import cause_of_key
from schemas.replies import Reply

EXAMPLE = Path(__file__).parents[3] / "examples" / "conversation.json"


def test_turn_becomes_a_store_with_its_own_time_speaker_and_session() -> None:
    (dialogue,) = conversation.read(EXAMPLE).dialogues

    first = dialogue.stores("a/b")[0]

    turn = dialogue.turns[0]
    assert (first.namespace, first.content, first.speaker) == ("a/b", turn.text, turn.speaker)
    assert (first.session, first.occurred_at) == (str(turn.session), turn.time)


def test_key_of_a_turn_leads_to_its_memory() -> None:
    (dialogue,) = conversation.read(EXAMPLE).dialogues

    first = dialogue.stores("a/b")[0]

    assert first.idempotency_key == dialogue.key(dialogue.turns[0].id)
    assert cause_of_key("a/b", dialogue.key("x")) != cause_of_key("a/c", dialogue.key("x"))


@pytest.mark.parametrize("content", ["", "[]", '{"dialogues": []}', '{"dialogues": [{"id": 1}]}'])
def test_file_of_another_form_is_refused_by_name(tmp_path: Path, content: str) -> None:
    file = tmp_path / "other.json"
    file.write_text(content, encoding="utf-8")

    with pytest.raises(Rejected, match=r"other\.json: not a conversation file"):
        conversation.read(file)


def test_last_position_is_that_of_the_highest_offset_not_of_the_longest_text() -> None:
    replies = [Reply(result={}, position=f"3:{offset}") for offset in (9, 100, 12)]

    assert conversation.last_position(replies) == "3:100"
