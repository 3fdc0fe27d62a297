"""Environment variables that begin as ours do and set nothing."""

import pytest

from services.common.variables import misspelt


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("HUMAN_MEMORY_EMBEDING_MODEL", "HUMAN_MEMORY_EMBEDDING_MODEL"),
        ("HUMAN_MEMORY_PARTITION", "HUMAN_MEMORY_PARTITIONS"),
        ("HUMAN_MEMORY_API_KEY_FILE", "HUMAN_MEMORY_API_KEYS_FILE"),
    ],
)
def test_misspelt_variable_is_named_with_the_one_that_was_meant(name: str, meant: str) -> None:
    assert misspelt({name: "x"}) == [f"{name} sets nothing; did you mean {meant}?"]


def test_variable_that_is_like_none_is_named_too() -> None:
    (sentence,) = misspelt({"HUMAN_MEMORY_COLOUR": "blue"})

    assert sentence.startswith("HUMAN_MEMORY_COLOUR sets nothing; see ")


def test_variables_that_are_read_and_those_of_others_are_passed_over() -> None:
    ours = ("DATA", "NAMESPACE", "KAFKA", "HTTP_PORT", "DECAY_INTERVAL_SECONDS", "CORS_ORIGINS")

    assert misspelt({f"HUMAN_MEMORY_{name}": "" for name in ours} | {"PATH": "/bin"}) == []
