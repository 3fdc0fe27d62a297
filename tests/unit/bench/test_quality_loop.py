"""Which memories an answer strengthens, and in which order questions are asked."""

import pytest

from bench.quality.loop import CREDITED, CREDITS, copies, credited, schedule
from bench.quality.material import ADVERSARIAL, Asked, Loaded
from schemas.inbox import Store

FOUND = [(f"id{number}", str(number)) for number in range(8)]
EVIDENCE = frozenset({"1", "3", "7"})


def question(text: str, dialogue: int = 0, category: str = "temporal") -> Asked:
    return Asked(dialogue, category, text, EVIDENCE, ())


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("none", []),
        ("search", [f"id{number}" for number in range(CREDITED)]),
        ("everything", [f"id{number}" for number in range(CREDITED)]),
        ("used", ["id1", "id3"]),
    ],
)
def test_answer_strengthens_what_its_credit_says(name: str, expected: list[str]) -> None:
    assert credited(CREDITS[name], FOUND, EVIDENCE) == expected


def test_questions_of_a_dialogue_are_asked_once_each_in_an_order_of_the_seed() -> None:
    asked = [question(f"q{number}") for number in range(20)]
    others = [question("elsewhere", dialogue=1), question("never said", category=ADVERSARIAL)]

    order = schedule([*asked, *others], 0, seed=1)

    assert sorted(order, key=lambda each: each.text) == sorted(asked, key=lambda each: each.text)
    assert schedule([*asked, *others], 0, seed=1) == order
    assert schedule([*asked, *others], 0, seed=2) != order


def test_each_kind_of_credit_gets_a_copy_in_a_namespace_of_its_own() -> None:
    stores = [Store(namespace="quality/0", content="hello", idempotency_key="0")]
    original = Loaded("quality/0", ["0"], stores, 0)

    made = copies([original])

    namespaces = [dialogue.namespace for some in made.values() for dialogue in some]
    assert len(set(namespaces)) == len(CREDITS)
    for [dialogue] in made.values():
        assert [store.namespace for store in dialogue.stores] == [dialogue.namespace]
        assert dialogue.stores[0].content == "hello"
