"""API keys: what a file may say, and what a key opens."""

import json
from pathlib import Path

import pytest

from human_memory import routes
from human_memory.operations.table import OPERATIONS
from schemas.errors import Rejected
from services.gateway.access import Access, ApiKey

GOOD = {"name": "k", "sha256": "0" * 64, "namespaces": ["acme/*"], "rights": ["read"]}


@pytest.mark.parametrize(
    ("namespace", "covered"),
    [("acme/a", True), ("acme/a/b", True), ("acme", False), ("other", False), ("Acme/a", False)],
)
def test_key_covers_what_its_patterns_match(namespace: str, covered: bool) -> None:
    assert ApiKey.model_validate(GOOD).covers(namespace) is covered


@pytest.mark.parametrize(
    ("route", "right"),
    [
        (routes.SEARCH, "read"),
        (routes.RECALL, "read"),
        (routes.SPREAD, "read"),
        (routes.STORE, "write"),
        (routes.FORGET, "write"),
        (routes.ADD_RELATION, "write"),
        (routes.DECAY, "admin"),
        (routes.CONSOLIDATE, "admin"),
        (routes.FORGET_STRATEGY, "admin"),
    ],
)
def test_each_route_needs_one_right(route: routes.Route, right: str) -> None:
    assert OPERATIONS[route].right == right


def test_file_of_keys_is_read(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    file.write_text(json.dumps([GOOD]))

    access = Access.of_file(file)

    assert access.keys == (ApiKey.model_validate(GOOD),)


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("{", "JSON"),
        (json.dumps([{**GOOD, "sha256": "short"}]), "0.sha256"),
        (json.dumps([{**GOOD, "rights": ["everything"]}]), "0.rights.0"),
        (json.dumps([{**GOOD, "password": "x"}]), "0.password"),
    ],
)
def test_bad_file_is_refused_with_the_place(tmp_path: Path, content: str, named: str) -> None:
    file = tmp_path / "keys.json"
    file.write_text(content)

    with pytest.raises(Rejected, match=named):
        Access.of_file(file)


def test_missing_file_is_refused_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(Rejected, match=r"absent\.json"):
        Access.of_file(tmp_path / "absent.json")
