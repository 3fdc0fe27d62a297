"""Texts that nobody has embedded yet, as long as real ones."""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

CONVERSATION = Path(__file__).parents[1] / "examples" / "conversation.json"
_TRIES_MAX = 10_000


@dataclass(frozen=True)
class Conversation:
    """A conversation, and the questions about it that are asked later."""

    turns: list[str]
    questions: list[str]
    speakers: list[str]


def load_conversation(path: Path = CONVERSATION) -> Conversation:
    """All dialogues of a file in the form of `examples/conversation.json`."""
    dialogues = json.loads(path.read_text(encoding="utf-8"))["dialogues"]
    turns = [turn for dialogue in dialogues for turn in dialogue["turns"]]
    return Conversation(
        turns=[turn["text"] for turn in turns],
        questions=[each["question"] for dialogue in dialogues for each in dialogue["questions"]],
        speakers=sorted({turn["speaker"] for turn in turns}),
    )


class Recombiner:
    """Endless new texts: one original, its beginning replaced by as many words of another.

    Each has the length in words of an original and no two are equal, so that no cache helps.
    """

    def __init__(self, originals: Sequence[str], *, seed: int) -> None:
        self._words = [text.split() for text in originals]
        self._seen = set(originals)
        self._random = random.Random(seed)

    def take(self, count: int) -> list[str]:
        """The next `count` texts.

        Raises:
            ValueError: the originals do not yield that many.
        """
        return [self._next() for _ in range(count)]

    def _next(self) -> str:
        for _ in range(_TRIES_MAX):
            beginning, text = self._random.choices(self._words, k=2)
            longest = min(len(beginning), len(text) - 1)
            if longest < 1:
                continue
            cut = self._random.randint(1, longest)
            new = " ".join(beginning[:cut] + text[cut:])
            if new not in self._seen:
                self._seen.add(new)
                return new
        raise ValueError(
            f"{len(self._words)} originals gave {len(self._seen)} different texts and no more; "
            "give more of them, or measure fewer rounds"
        )
