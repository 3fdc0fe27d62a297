"""Any conversation file becomes memories and questions with their moments."""

from typing import Any

import pytest

from bench.quality.material import ADVERSARIAL, DAY_MS, HOUR_MS, asked, loaded
from human_memory.conversation import Conversation
from schemas.errors import Rejected

START_MS = 1_683_554_160_000


def turn(name: str, hours: float = 0, text: str = "I went home") -> dict[str, Any]:
    time_ms = START_MS + int(hours * HOUR_MS)
    return {"id": name, "speaker": "Ada", "session": 1, "time": time_ms, "text": text}


def conversation(*dialogues: dict[str, Any]) -> Conversation:
    return Conversation.model_validate({"dialogues": dialogues})


def dialogue(
    turns: list[dict[str, Any]], questions: list[dict[str, Any]] | None = None, name: str = "d"
) -> dict[str, Any]:
    return {"id": name, "turns": turns, "questions": questions or []}


def question(*evidence: str, category: str = "single-hop") -> dict[str, Any]:
    return {"id": "q", "category": category, "question": "Where?", "evidence": list(evidence)}


def test_question_is_asked_five_times_after_its_newest_evidence_and_once_after_all() -> None:
    turns = [turn("t1"), turn("t2", hours=48), turn("t3", hours=99)]

    [only], without = asked(conversation(dialogue(turns, [question("t2", "t1")])))

    newest_ms, end_ms = START_MS + 48 * HOUR_MS, START_MS + 99 * HOUR_MS
    assert without == 0
    assert only.evidence == {"0", "1"}
    assert only.times_ms == (
        newest_ms + HOUR_MS,
        newest_ms + DAY_MS,
        newest_ms + 7 * DAY_MS,
        newest_ms + 30 * DAY_MS,
        newest_ms + 90 * DAY_MS,
        end_ms + DAY_MS,
    )


def test_questions_without_evidence_are_counted_and_left_out() -> None:
    questions = [question(), question("unknown"), question("t1", "unknown")]

    found, without = asked(conversation(dialogue([turn("t1")], questions)))

    assert [each.evidence for each in found] == [{"0"}]
    assert without == 2


def test_adversarial_questions_are_told_apart() -> None:
    questions = [question("t1", category=ADVERSARIAL), question("t1", category="")]

    found, _ = asked(conversation(dialogue([turn("t1")], questions)))

    assert [each.is_adversarial for each in found] == [True, False]
    assert found[1].category == "none"


def test_turns_without_text_are_left_out_and_evidence_still_points_at_the_right_ones() -> None:
    file = conversation(dialogue([turn("t1", text=" "), turn("t2")], [question("t2")]))

    [stored], blank = loaded(file)
    [only], _ = asked(file)

    assert blank == 1
    assert [store.content for store in stored.stores] == ["I went home"]
    assert only.evidence == set(stored.keys)


def test_ids_that_no_namespace_and_no_key_may_hold_do_not_matter() -> None:
    odd = dialogue([turn("ü 1"), turn("ü 1", text="again")], [question("ü 1")], name="a b/ç")

    [first, second], _ = loaded(conversation(odd, odd))
    found, _ = asked(conversation(odd, odd))

    assert first.namespace != second.namespace
    assert len({store.idempotency_key for store in first.stores}) == 2
    assert [(each.dialogue, each.evidence) for each in found] == [
        (0, frozenset("0")),
        (1, frozenset("0")),
    ]


def test_memories_keep_the_times_speakers_and_sessions_of_the_file() -> None:
    [stored], _ = loaded(conversation(dialogue([turn("t1"), turn("t2", hours=2)])))

    first, second = stored.stores
    assert (first.occurred_at, second.occurred_at) == (START_MS, START_MS + 2 * HOUR_MS)
    assert (first.speaker, first.session) == ("Ada", "1")
    assert stored.ends_ms == second.occurred_at


def test_turn_that_is_too_long_for_a_memory_is_named() -> None:
    file = conversation(dialogue([turn("t1"), turn("the long one", text="x" * 40_000)]))

    with pytest.raises(Rejected, match="turn 'the long one' can't be stored: content"):
        loaded(file)
