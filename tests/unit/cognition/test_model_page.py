"""The reference page of the model has a section for each module that names all it offers."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "reference" / "model.md").read_text("utf-8")
SECTIONS = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))
FILES = {path.stem: path for path in (ROOT / "cognition").rglob("*.py")}
MODULES = sorted(FILES.keys() - {"__init__"})
# Their equations stand on the quality page, where they were measured.
ELSEWHERE = {"lexical", "context"}


def public_functions(module: str) -> set[str]:
    """What a module offers."""
    tree = ast.parse(FILES[module].read_text("utf-8"))
    return {
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    }


def test_every_module_has_a_section_and_no_section_is_about_one_that_is_gone() -> None:
    assert sorted(SECTIONS) == MODULES


@pytest.mark.parametrize("module", [name for name in MODULES if name not in ELSEWHERE])
def test_every_function_is_named_in_the_section_of_its_module(module: str) -> None:
    unnamed = {name for name in public_functions(module) if f"`{name}`" not in SECTIONS[module]}

    assert not unnamed
