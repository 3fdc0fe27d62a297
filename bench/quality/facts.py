"""Short facts and questions about them, alone, among others, beside a long text, and after months."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.quality.material import DAY_MS
from bench.quality.offline import Namespace
from bench.quality.vectors import vectors_of
from schemas.inbox import Store
from schemas.parameters import ParameterOverrides
from services.ingest.domain import indexed_text
from services.retrieval.search.ranking import rank

TOLD_MS = 1_790_000_000_000
SAID = {
    "My name is Priya.": "What is my name?",
    "I work as an accountant.": "What do I do for work?",
    "I live in Leeds.": "Where do I live?",
    "My favourite colour is teal.": "What is my favourite colour?",
    "I have two cats.": "Which pets do I have?",
    "I was born in Mumbai.": "Where was I born?",
    "My sister is called Anjali.": "What is my sister called?",
    "I'm allergic to peanuts.": "What am I allergic to?",
    "I drive a blue Honda.": "Which car do I drive?",
    "My birthday is on 4 May.": "When is my birthday?",
}
UNRELATED = (
    "How tall is Mount Everest?",
    "What is the boiling point of mercury?",
    "Who won the 1998 World Cup?",
    "Explain quantum entanglement.",
    "How do I bake sourdough bread?",
    "Which tax applies to imported steel?",
)
# Notes that none of the questions asks about.
OTHERS = (
    "The dentist moved the appointment to Thursday.",
    "We watched a film about penguins.",
    "The printer on the second floor jams again.",
    "Tom lent me his ladder.",
    "The train was an hour late today.",
    "We painted the fence.",
    "I finished the book about Napoleon.",
    "The neighbours are away until Sunday.",
)
OTHERS_COUNT = 56
LONG = "The committee met again and discussed the agenda at length, point by point. " * 420


@dataclass(frozen=True)
class Case:
    """What is stored beside the facts, and how long before the questions."""

    name: str
    alone: bool = False
    others: int = 0
    long: bool = False
    days: int = 0


CASES = (
    Case("ten facts"),
    Case("ten facts and 32,000 characters", long=True),
    Case("ten facts and 56 notes", others=OTHERS_COUNT),
    Case("each fact alone", alone=True),
    Case("each fact alone, after three months", alone=True, days=91),
    Case("ten facts and 56 notes, after a year", others=OTHERS_COUNT, days=365),
)


def facts(folder: Path) -> list[dict[str, object]]:
    """By case: how many questions have their fact first, and found, and unrelated ones nothing."""
    questions = [*SAID.values(), *UNRELATED]
    asked = dict(zip(questions, vectors_of(questions, folder), strict=True))
    rows: list[dict[str, object]] = []
    for case in CASES:
        sets = [[fact] for fact in SAID] if case.alone else [list(SAID)]
        first = found = empty = looked = 0
        for some in sets:
            namespace = _stored(case, some, folder)
            at_ms = TOLD_MS + DAY_MS * case.days + 60_000

            def answer(
                text: str, namespace: Namespace = namespace, at_ms: int = at_ms
            ) -> list[int]:
                plan = namespace.plan(text, asked[text], at_ms)
                return rank(namespace.candidates(plan, ParameterOverrides()), plan).order

            for number, fact in enumerate(some):
                order = answer(SAID[fact])
                first += order[:1] == [number]
                found += number in order
            empty += sum(not answer(text) for text in UNRELATED)
            looked += len(UNRELATED)
        rows.append(
            {
                "case": case.name,
                "first": first / len(SAID),
                "found": found / len(SAID),
                "unrelated empty": empty / looked,
            }
        )
    return rows


def _stored(case: Case, some: list[str], folder: Path) -> Namespace:
    notes = [f"{OTHERS[i % len(OTHERS)]} ({i})" for i in range(case.others)]
    texts = [*some, *notes, *([LONG[:32_000]] if case.long else [])]
    stores = [
        Store(namespace="facts", content=text, occurred_at=TOLD_MS + i, idempotency_key=str(i))
        for i, text in enumerate(texts)
    ]
    vectors = vectors_of([indexed_text(each, TOLD_MS) for each in stores], folder)
    return Namespace(stores, np.asarray(vectors))
