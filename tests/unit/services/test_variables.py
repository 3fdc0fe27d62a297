"""Environment variables that begin as ours do and set nothing."""

import pytest

from services.common.variables import PREFIX, misspelt


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("EMBEDING_MODEL", "EMBEDDING_MODEL"),
        ("PARTITION", "PARTITIONS"),
        ("API_KEY_FILE", "API_KEYS_FILE"),
    ],
)
def test_misspelt_variable_is_named_with_the_one_that_was_meant(name: str, meant: str) -> None:
    assert misspelt({PREFIX + name: "x"}) == [
        f"{PREFIX}{name} sets nothing; did you mean {PREFIX}{meant}?"
    ]


def test_variable_that_is_like_none_is_named_too() -> None:
    (sentence,) = misspelt({PREFIX + "COLOUR": "blue"})

    assert sentence.startswith(f"{PREFIX}COLOUR sets nothing; see ")


def test_variables_that_are_read_and_those_of_others_are_passed_over() -> None:
    ours = ("DATA", "NAMESPACE", "KAFKA", "HTTP_PORT", "DECAY_INTERVAL_SECONDS", "CORS_ORIGINS")

    assert misspelt({PREFIX + name: "" for name in ours} | {"PATH": "/bin"}) == []
