"""Counts of imports: which arrows there are, and which there are not."""

from pathlib import Path

import pytest

from bench.structure.arrows import package_of, structure

SOURCES = {
    "schemas/__init__.py": "",
    "schemas/errors.py": "import os\n",
    "services/__init__.py": "",
    "services/ingest/__init__.py": "",
    "services/ingest/app.py": (
        "from services.ingest import domain\n"
        "from services.ingest.domain import one, two\n"
        "from services.ingest.domain import three\n"
        "from services.common.logs import log\n"
        "from schemas.errors import Rejected\n"
        "import schemas\n"
    ),
    "services/ingest/domain.py": "def f():\n    import services.ingest.app\n",
    "services/common/logs.py": "import json\n",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A small product."""
    for name, text in SOURCES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_each_pair_of_modules_of_a_package_is_one_arrow(root: Path) -> None:
    counted = structure(root)

    app, domain = "services.ingest.app", "services.ingest.domain"
    assert counted.packages["services.ingest"].arrows == {(app, domain), (domain, app)}
    assert counted.packages["schemas"].arrows == set()


def test_each_pair_of_packages_is_one_arrow(root: Path) -> None:
    counted = structure(root)

    assert counted.between == {
        ("services.ingest", "services.common"),
        ("services.ingest", "schemas"),
    }


def test_files_and_lines_are_those_of_the_package(root: Path) -> None:
    counted = structure(root)

    assert {name: (each.files, each.lines) for name, each in counted.packages.items()} == {
        "schemas": (2, 1),
        "services": (1, 0),
        "services.common": (1, 1),
        "services.ingest": (3, 8),
    }


@pytest.mark.parametrize(
    ("module", "package"),
    [
        ("cognition.language.text", "cognition"),
        ("human_memory.cli.commands", "human_memory"),
        ("services.run", "services.run"),
        ("services.ingest.adapters.kafka", "services.ingest"),
    ],
)
def test_services_are_packages_of_their_own(module: str, package: str) -> None:
    assert package_of(module) == package
