"""The reference can't fall behind: what the contract has, the pages have a heading for."""

import re
from pathlib import Path

from schemas import errors, limits
from schemas.catalogue import GUIDES, MESSAGES
from schemas.errors import MemoryServiceError
from schemas.topics import TOPICS

REFERENCE = Path(__file__).parents[3] / "docs/reference"


def page(name: str) -> str:
    return (REFERENCE / name).read_text()


def headings(name: str) -> set[str]:
    return set(re.findall(r"^#+ (.+)$", page(name), re.MULTILINE))


def error_classes() -> list[type[MemoryServiceError]]:
    return [
        value
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, MemoryServiceError)
    ]


def test_every_topic_has_a_heading_and_a_guide() -> None:
    assert {topic.name for topic in TOPICS} <= headings("topics.md")
    assert [guide.topic for guide in GUIDES] == list(TOPICS)


def test_every_message_has_a_heading() -> None:
    assert MESSAGES.keys() <= headings("messages.md")


def test_every_error_class_and_every_code_has_a_heading() -> None:
    classes = error_classes()

    assert {error.__name__ for error in classes} <= headings("errors.md")
    assert {error.code for error in classes} <= headings("errors.md")


def test_every_error_code_is_listed_with_its_status_and_classes() -> None:
    rows = {
        row.split("|")[1].strip(" `"): row for row in page("errors.md").splitlines() if "|" in row
    }

    for error in error_classes():
        row = rows[error.code]
        assert f"| {error.http_status} |" in row
        assert f"`{error.__name__}`" in row


def test_every_limit_is_listed_with_its_value() -> None:
    text = page("limits.md")

    for name, value in vars(limits).items():
        if name.isupper():
            shown = f"{value:,}" if isinstance(value, int) else f"`{value}`"
            in_a_cell = shown.replace("|", "\\|")
            assert f"| `{name}` | {in_a_cell} |" in text, name
    assert set(re.findall(r"^\| `([A-Z_]+)`", text, re.MULTILINE)) <= vars(limits).keys()


def test_every_link_between_the_pages_leads_to_a_heading() -> None:
    for name in ("topics.md", "messages.md", "errors.md", "limits.md"):
        for target, anchor in re.findall(r"\]\(([a-z]+\.md)(?:#([^)]+))?\)", page(name)):
            anchors = {re.sub(r"[^a-z0-9_-]", "", h.lower()) for h in headings(target)}
            assert not anchor or anchor in anchors, (name, target, anchor)
