"""The material of the measurement: a conversation file with what is stored and what is asked."""

from dataclasses import dataclass

from pydantic import ValidationError

from human_memory.conversation import Conversation, Dialogue, Turn
from schemas.errors import Rejected
from schemas.fields import Namespace
from schemas.inbox import Store

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
ADVERSARIAL = "adversarial"


@dataclass(frozen=True)
class Moment:
    """The moment of a question: so long after its newest evidence; `None`: after all sessions."""

    name: str
    age_ms: int | None


AGES = (
    Moment("1 h", HOUR_MS),
    Moment("1 d", DAY_MS),
    Moment("7 d", 7 * DAY_MS),
    Moment("30 d", 30 * DAY_MS),
    Moment("90 d", 90 * DAY_MS),
)
LATE = Moment("late", None)
MOMENTS = (*AGES, LATE)
LATE_MS = DAY_MS


@dataclass(frozen=True)
class Asked:
    """One question, when to ask it (ms, one a moment), and the keys of its evidence."""

    dialogue: int
    category: str
    text: str
    evidence: frozenset[str]
    times_ms: tuple[int, ...]

    @property
    def is_adversarial(self) -> bool:
        """True where the question asks for something that was never said."""
        return self.category == ADVERSARIAL


@dataclass(frozen=True)
class Loaded:
    """One dialogue as it is stored; `keys`: the idempotency keys of `stores`."""

    namespace: Namespace
    keys: list[str]
    stores: list[Store]
    ends_ms: int


def loaded(conversation: Conversation, *, prefix: str = "quality") -> tuple[list[Loaded], int]:
    """Each dialogue in a namespace of its own, and how many turns are left out for lack of words.

    Raises:
        Rejected: a turn can't be a memory.
    """
    result, blank = [], 0
    for number, dialogue in enumerate(conversation.dialogues):
        spoken = _spoken(dialogue)
        blank += len(dialogue.turns) - len(spoken)
        namespace = f"{prefix}/{number}"
        keys = [str(at) for at in range(len(spoken))]
        stores = [_store(turn, namespace, key) for turn, key in zip(spoken, keys, strict=True)]
        result.append(Loaded(namespace, keys, stores, dialogue.ends_ms))
    return result, blank


def _spoken(dialogue: Dialogue) -> list[Turn]:
    return [turn for turn in dialogue.turns if turn.text.strip()]


def _store(turn: Turn, namespace: Namespace, key: str) -> Store:
    # Numbered, not named: ids of a file may hold what a namespace or key may not, or repeat.
    try:
        return Store(
            namespace=namespace,
            content=turn.text,
            speaker=turn.speaker.strip() or None,
            session=str(turn.session).strip() or None,
            occurred_at=turn.time,
            idempotency_key=key,
        )
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise Rejected(f"turn {turn.id!r} can't be stored: {where}: {first['msg']}") from None


def asked(conversation: Conversation) -> tuple[list[Asked], int]:
    """All questions that have evidence, and how many have none and are left out."""
    questions, without = [], 0
    for number, dialogue in enumerate(conversation.dialogues):
        known = _evidence(dialogue)
        for question in dialogue.questions:
            turns = [known[each] for each in question.evidence if each in known]
            if not turns or not question.question.strip():
                without += 1
                continue
            newest_ms = max(time_ms for _, time_ms in turns)
            questions.append(
                Asked(
                    dialogue=number,
                    category=question.category or "none",
                    text=question.question,
                    evidence=frozenset(key for key, _ in turns),
                    times_ms=tuple(_time_ms(each, newest_ms, dialogue) for each in MOMENTS),
                )
            )
    return questions, without


def _evidence(dialogue: Dialogue) -> dict[str, tuple[str, int]]:
    """Key and time of each turn that is stored, by its id; of turns with the same id the first."""
    known: dict[str, tuple[str, int]] = {}
    for at, turn in enumerate(_spoken(dialogue)):
        known.setdefault(turn.id, (str(at), turn.time))
    return known


def _time_ms(moment: Moment, newest_ms: int, dialogue: Dialogue) -> int:
    if moment.age_ms is None:
        return dialogue.ends_ms + LATE_MS
    return newest_ms + moment.age_ms
