"""What a user can set, watch or run has a heading in docs/reference/, and links lead somewhere."""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from itertools import chain
from pathlib import Path

import pytest
from pydantic_settings import BaseSettings

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"
CODE = ("cognition", "human_memory", "schemas", "services", "stack", "tests")
PREFIX = "HUMAN_MEMORY_"

SETTINGS_MODULES = [
    str(path.relative_to(ROOT).with_suffix("")).replace("/", ".")
    for folder in ("human_memory", "services")
    for path in sorted((ROOT / folder).rglob("settings.py"))
]
PAGES = sorted(chain(ROOT.glob("*.md"), (ROOT / "docs").rglob("*.md")))
VARIABLE = re.compile(rf"\b(?:{PREFIX}[A-Z_]*[A-Z]|JAVA_HOME)\b")
METRIC_CLASSES = {"Counter", "Gauge", "Histogram", "Summary"}
CODE_SPAN = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)
PATH = re.compile(r"`([\w.-]+/[\w./-]+)`")
LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)\s]+))?\)")


def sections(page: Path) -> dict[str, str]:
    """By heading, whatever its level: the text below it."""
    parts = re.split(r"^#+ (.+)$", page.read_text("utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def settings_classes() -> list[type[BaseSettings]]:
    """All of ours."""
    return [
        value
        for module in map(import_module, SETTINGS_MODULES)
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, BaseSettings)
        and value.__module__ == module.__name__
    ]


def calls(folder: str) -> Iterator[ast.Call]:
    """Every call in the code below a folder."""
    for path in (ROOT / folder).rglob("*.py"):
        tree = ast.parse(path.read_text("utf-8"))
        yield from (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def metrics() -> set[str]:
    """Names of all metrics that services define."""
    return {
        str(call.args[0].value)
        for call in calls("services")
        if isinstance(call.func, ast.Name)
        and call.func.id in METRIC_CLASSES
        and call.args
        and isinstance(call.args[0], ast.Constant)
    }


def anchors(page: Path) -> set[str]:
    """What a link into a page may name, by the rules of the usual viewers."""
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in sections(page)}


@pytest.mark.parametrize("settings", settings_classes(), ids=lambda each: each.__name__)
def test_every_setting_has_a_description_and_a_section_with_its_default(
    settings: type[BaseSettings],
) -> None:
    documented = sections(REFERENCE / "settings.md")
    expected = {
        f"{PREFIX}{name.upper()}": "empty" if field.default == "" else f"`{field.default}`"
        for name, field in settings.model_fields.items()
    }

    undocumented = [
        name
        for name, default in expected.items()
        if f"Default {default.replace('`None`', 'none')}" not in documented.get(name, "")
    ]
    undescribed = [name for name, field in settings.model_fields.items() if not field.description]

    assert (undocumented, undescribed) == ([], [])


def test_every_environment_variable_in_the_code_is_in_the_settings_page() -> None:
    documented = sections(REFERENCE / "settings.md")
    used = {
        name
        for folder in CODE
        for path in (ROOT / folder).rglob("*.py")
        if path != Path(__file__)
        for name in VARIABLE.findall(path.read_text("utf-8"))
    }

    assert used <= documented.keys()


def test_the_settings_page_names_nothing_that_is_gone() -> None:
    fields = {name for settings in settings_classes() for name in settings.model_fields}
    known = {f"{PREFIX}{name.upper()}" for name in fields}
    source = "".join(
        path.read_text("utf-8") for folder in CODE for path in (ROOT / folder).rglob("*.py")
    )

    stale = [
        name
        for name in sections(REFERENCE / "settings.md")
        if VARIABLE.fullmatch(name) and name not in known and name not in source
    ]

    assert not stale


@pytest.mark.parametrize(
    "page",
    [
        ROOT / "CONTRIBUTING.md",
        ROOT / "docs" / "architecture.md",
        *sorted((ROOT / "docs" / "design").iterdir()),
    ],
    ids=lambda page: page.name,
)
def test_every_path_that_a_page_for_contributors_names_exists(page: Path) -> None:
    named = PATH.findall(page.read_text("utf-8"))

    gone = [path for path in named if not (ROOT / path).exists()]

    assert named
    assert not gone


def test_the_metrics_page_has_a_section_for_each_metric_and_no_other() -> None:
    documented = {name for name in sections(REFERENCE / "metrics.md") if name.startswith("human_")}

    assert documented == metrics()


def test_the_page_of_the_command_line_is_what_its_help_says() -> None:
    generated = subprocess.run(
        [
            *(sys.executable, "-m", "typer", "human_memory.cli.commands"),
            *("utils", "docs", "--name", "human-memory"),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    assert (REFERENCE / "cli.md").read_text("utf-8").strip() == generated.stdout.strip(), (
        "run: make docs"
    )


@pytest.mark.parametrize(
    "example", ["quickstart.py", "producer.py", "producer_any_client.py", "ask.py"]
)
def test_the_readme_shows_the_examples_as_they_are(example: str) -> None:
    source = (ROOT / "examples" / example).read_text("utf-8").strip()

    assert f"```python\n{source}\n```" in (ROOT / "README.md").read_text("utf-8")


@pytest.mark.parametrize("page", ["README.md", "docs/guide/mcp.md"])
def test_assistants_are_told_where_the_memory_is(page: str) -> None:
    # An assistant starts the command in a folder of its own, where no data folder says it.
    text = (ROOT / page).read_text("utf-8")
    (configuration,) = re.findall(r"```json\n(.*?\"mcpServers\".*?)```", text, re.DOTALL)

    arguments = json.loads(configuration)["mcpServers"]["memory"]["args"]

    assert arguments[:3] == ["mcp", "--server", "http://localhost:8000"]


def test_pages_name_only_make_targets_that_exist() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([a-z-]+):.*## ", makefile, flags=re.MULTILINE))
    used = {
        name
        for page in PAGES
        for name in re.findall(r"(?:`|^)make ([a-z-]+)", page.read_text("utf-8"), re.MULTILINE)
    }

    assert used <= targets


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    broken = []
    for target, anchor in LINK.findall(CODE_SPAN.sub("", page.read_text("utf-8"))):
        if target.startswith(("http:", "https:", "mailto:")):
            continue
        other = (page.parent / target).resolve() if target else page
        if not other.exists() or (anchor and anchor not in anchors(other)):
            broken.append(f"{target}#{anchor}" if anchor else target)

    assert not broken
