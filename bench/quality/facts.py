"""Short facts and questions about them: alone, among others, beside a long text, after months."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.quality.material import DAY_MS
from bench.quality.offline import Namespace
from bench.quality.vectors import Vectors
from schemas.inbox import Store
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
    """Material stored beside the facts, and how long before the questions."""

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


def facts(vectors: Vectors) -> list[dict[str, Any]]:
    """By case: the shares of facts that come first, and are found, and of unrelated questions
    that are answered with nothing."""
    questions = [*SAID.values(), *UNRELATED]
    asked = dict(zip(questions, vectors.of(questions, query=True), strict=True))
    return [_measured(case, asked, vectors) for case in CASES]


def _measured(
    case: Case, asked: Mapping[str, NDArray[np.float16]], vectors: Vectors
) -> dict[str, Any]:
    at_ms = TOLD_MS + DAY_MS * case.days + 60_000
    first, found, empty = [], [], []
    for some in [[fact] for fact in SAID] if case.alone else [list(SAID)]:
        namespace = _stored(case, some, vectors)
        for number, fact in enumerate(some):
            order = _answer(namespace, SAID[fact], asked, at_ms)
            first.append(order[:1] == [number])
            found.append(number in order)
        empty += [not _answer(namespace, text, asked, at_ms) for text in UNRELATED]
    shares = {"first": first, "found": found, "unrelated: nothing": empty}
    return {"case": case.name} | {name: float(np.mean(each)) for name, each in shares.items()}


def _answer(
    namespace: Namespace, text: str, asked: Mapping[str, NDArray[np.float16]], at_ms: int
) -> list[int]:
    plan = namespace.plan(text, asked[text], at_ms)
    return rank(namespace.seen(plan), plan).order


def _stored(case: Case, some: list[str], vectors: Vectors) -> Namespace:
    notes = [f"{OTHERS[i % len(OTHERS)]} ({i})" for i in range(case.others)]
    texts = [*some, *notes, *([LONG[:32_000]] if case.long else [])]
    stores = [
        Store(namespace="facts", content=text, occurred_at=TOLD_MS + i, idempotency_key=str(i))
        for i, text in enumerate(texts)
    ]
    return Namespace(stores, vectors.of([indexed_text(each, TOLD_MS) for each in stores]))
