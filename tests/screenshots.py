"""Pictures of the console: `python -m tests.screenshots [--all FOLDER]`.

Starts a system of its own with the example conversation, as if it had ended an hour ago. Without
`--all` only the pictures in docs/guide are made; with it each view, light and dark, at the width
of a desktop and of a phone.
"""

import asyncio
import shutil
import tempfile
import time
from itertools import product
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlencode

import typer
from playwright.async_api import Browser

from human_memory import Memory, conversation
from human_memory.bus.settings import KafkaSettings
from human_memory.local.supervisor import Plan, supervised
from schemas.fields import rfc3339
from tests import browsers

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs" / "guide"
NAMESPACE = "demo/noemi-and-wren"
QUESTION = "What coffee does Noemi drink?"
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
USED_DAYS_AGO = (70, 55, 30, 9, 2)
CONCEPTS = {"Noemi": "person", "Callum": "person", "Leeds": "place", "Gerald": "sourdough"} | {
    "Tidewell": "company",
    "rooibos": "drink",
    "Wren": "assistant",
}
RELATIONS = (
    ("Noemi", "LIVES_WITH", "Callum"),
    ("Noemi", "LIVES_IN", "Leeds"),
    ("Noemi", "WORKS_FOR", "Tidewell"),
    ("Noemi", "DRINKS", "rooibos"),
    ("Callum", "FEEDS", "Gerald"),
    ("Wren", "HELPS", "Noemi"),
)
WIDTHS = {"desktop": (1100, 850), "phone": (390, 844)}
Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, ...] = ("light", "dark")


def lived(address: str) -> str:
    """Tell the conversation and use a memory now and then; its id."""
    (dialogue,) = conversation.read(ROOT / "examples" / "conversation.json").dialogues
    now_ms = time.time_ns() // 1_000_000
    later_ms = now_ms - HOUR_MS - dialogue.ends_ms
    with Memory(address, namespace=NAMESPACE) as memory:
        # Texts are linked to the concepts that are there when they come.
        for name, kind in CONCEPTS.items():
            memory.add_concept(name, kind, 0.6)
        for source, relation, target in RELATIONS:
            memory.add_relation(source, target, relation, 0.7)
        memory.store_batch(
            [
                {
                    "content": turn.text,
                    "speaker": turn.speaker,
                    "session": str(turn.session),
                    "occurred_at": rfc3339(turn.time + later_ms),
                }
                for turn in dialogue.turns
            ]
        )
        best = memory.search(QUESTION, record_access=False)[0].memory_id
        for days in USED_DAYS_AGO:
            memory.used([best], occurred_at=rfc3339(now_ms - days * DAY_MS))
        memory.search("What happens at the orchestra?")
        memory.consolidate()
    return best


async def picture(browser: Browser, address: str, file: Path, look: tuple[str, Scheme]) -> None:
    """One picture of what the address shows, in a width and a colour scheme."""
    width, scheme = look
    wide, high = WIDTHS[width]
    page = await browser.new_page(viewport={"width": wide, "height": high}, color_scheme=scheme)
    await page.goto(address)
    await page.locator('.view[aria-busy="false"]').wait_for()
    await page.screenshot(path=file)
    await page.close()


async def pictures(address: str, memory_id: str, folder: Path | None) -> None:
    """Those of the documentation, or all."""
    path = browsers.found()
    if path is None:
        raise typer.BadParameter(browsers.NONE_FOUND)
    asked = {"search": {"q": QUESTION}, "memory": {"id": memory_id}, "graph": {"concept": "Noemi"}}
    asked |= {view: {} for view in ("overview", "maintenance", "operations", "benchmark")}
    asked["timeline"] = {"q": QUESTION}
    at = {
        view: f"{address}/#/{view}?{urlencode({'ns': NAMESPACE, **given})}"
        for view, given in asked.items()
    }
    async with browsers.browser_at(path) as browser:
        if folder is None:
            for view in ("search", "memory"):
                await picture(browser, at[view], DOCS / f"console-{view}.png", ("desktop", "light"))
            return
        for (view, where), width, scheme in product(at.items(), WIDTHS, SCHEMES):
            file = folder / f"{view}-{width}-{scheme}.png"
            await picture(browser, where, file, (width, scheme))


def main(every: Annotated[Path | None, typer.Option("--all", file_okay=False)] = None) -> None:
    """Make them."""
    if every is not None:
        every.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="human-memory-screenshots-"))
    plan = Plan(folder, KafkaSettings(topic_prefix=""))
    with supervised(plan, say=print, doing=lambda _: None) as instance:
        address = instance.http["gateway"]
        asyncio.run(pictures(address, lived(address), every))
    shutil.rmtree(folder)


if __name__ == "__main__":
    typer.run(main)
