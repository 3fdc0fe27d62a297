"""The guide shows the example as it is."""

from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_the_guide_shows_the_example_as_it_is() -> None:
    source = (ROOT / "examples" / "remember.py").read_text("utf-8").strip()

    assert f"```python\n{source}\n```" in (ROOT / "docs" / "guide" / "sdk.md").read_text("utf-8")
