"""The console in a real browser, with Kafka, Redis and all services behind it."""

import hashlib
import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, Route, expect

from tests import browsers
from tests.integration.services_fixture import ServiceProcess, System

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

KEY = "the key of these tests"
# Playwright's own patience of 5 s is too little on a busy machine.
PATIENCE_MS = 30_000
VIEWS = (
    *("overview", "search", "timeline", "graph", "maintenance", "operations", "benchmark"),
    "memory",
)
IN_DARK = ("search", "memory", "operations")  # all colours there are
HOSTILE = (
    "<img src=x onerror=\"document.title='hacked'\"><script>document.title='hacked'</script> "
    "[link](javascript:alert(1)) \x1b[31mred\x1b[0m ‮reversed {{7*7}} ${7*7} &lt;b&gt;"
)
# What a browser says of an answer that is no success, such as 401: the page tells it in words.
ANSWERS = re.compile(
    r"Failed to load resource: the server responded with a status of (401|403|404)"
)


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    """The browser of this machine."""
    if (path := browsers.found()) is None:
        pytest.skip(browsers.NONE_FOUND)
    expect.set_options(timeout=PATIENCE_MS)
    async with browsers.browser_at(path) as browser:
        yield browser


@pytest.fixture(scope="module")
async def keyed(
    browser: Browser, system: System, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[ServiceProcess]:
    """A gateway that wants a key, and maintenance beside it."""
    key = {
        "name": "console",
        "sha256": hashlib.sha256(KEY.encode()).hexdigest(),
        "namespaces": ["*"],
        "rights": ["read", "write", "admin"],
    }
    file = tmp_path_factory.mktemp("console") / "keys.json"
    file.write_text(json.dumps([key]))
    process = system.start(
        "gateway",
        "maintenance",
        HUMAN_MEMORY_API_KEYS_FILE=str(file),
        HUMAN_MEMORY_BENCHMARK_ENABLED="true",
    )
    await process.ready()
    yield process
    await process.stop()


@pytest.fixture
def address(keyed: ServiceProcess) -> str:
    """Of that gateway."""
    return f"http://127.0.0.1:{keyed.ports['gateway']}"


@pytest.fixture
async def http(address: str, namespace: str) -> AsyncIterator[httpx.AsyncClient]:
    """Speaks to it as a program, about the test's namespace."""
    headers = {"X-Memory-Namespace": namespace, "Authorization": f"Bearer {KEY}"}
    async with httpx.AsyncClient(base_url=address, headers=headers, timeout=60) as client:
        yield client


class Watched:
    """A page, and what it must not do: ask another host, or complain on the console."""

    def __init__(self, page: Page, address: str, namespace: str) -> None:
        self.page = page
        self.address = address
        self._namespace = namespace
        self.complaints: list[str] = []
        page.on("console", lambda said: self._note(said.type, said.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self._see(request.url))

    def _note(self, kind: str, text: str) -> None:
        if kind in ("error", "warning") and not ANSWERS.search(text):
            self.complaints.append(text)

    def _see(self, url: str) -> None:
        if not url.startswith(self.address):
            self.complaints.append(f"asked {url}")

    async def open(self, view: str, prefix: str = "/", **params: str) -> None:
        """A view, as if its address had been typed."""
        place = f"#/{view}?{urlencode({'ns': self._namespace, **params})}"
        await self.page.goto(f"{self.address}{prefix}{place}")
        shown = self.page.locator(".view")
        await expect(shown).to_have_attribute("data-address", place)
        await expect(shown).to_have_attribute("aria-busy", "false")


@pytest.fixture
async def watched(browser: Browser, address: str, namespace: str) -> AsyncIterator[Watched]:
    """A page of its own session with the key, watched."""
    context = await browser.new_context(viewport={"width": 390, "height": 844})
    await context.add_init_script(f"sessionStorage.setItem('human-memory-key', {json.dumps(KEY)})")
    page = Watched(await context.new_page(), address, namespace)
    yield page
    await context.close()
    assert page.complaints == []


async def stored(http: httpx.AsyncClient, content: str, **more: Any) -> str:
    answer = await http.post("/v1/memories", json={"content": content, **more})
    assert answer.status_code == 201, answer.text
    memory_id: str = answer.json()["memory_id"]
    return memory_id


def days_ago(days: float) -> str:
    return (datetime.now(UTC) - timedelta(days=days)).isoformat()


def number(text: str | None) -> float:
    """The first number in a text of the page."""
    found = re.search(r"[−-]?\d+(\.\d+)?", text or "")
    assert found, text
    return float(found[0].replace("−", "-"))


async def test_memory_is_found_opened_explained_used_and_rises(
    http: httpx.AsyncClient, watched: Watched
) -> None:
    page = watched.page
    await stored(http, "Noemi lives in Bern.", occurred_at=days_ago(3))
    await stored(http, "The train to Basel was late.", occurred_at=days_ago(2))
    await watched.open("search")

    await page.get_by_label("Question").fill("Where does Noemi live?")
    await page.keyboard.press("Enter")
    first = page.locator("article.result").first
    await expect(first.locator("mark").first).to_have_text("Noemi")
    await expect(first.locator(".why")).to_contain_text("above the threshold")
    await first.get_by_role("link", name="Open").click()
    await expect(page.locator("#fate")).to_contain_text("it fades on")
    before = number(await page.locator("#fate").text_content())
    await page.get_by_role("button", name="Was of use").click()
    await expect(page.locator(".done")).to_contain_text("stronger")

    assert number(await page.locator("#fate").text_content()) > before
    await expect(page.locator("section", has_text="Uses").locator("tbody tr")).to_have_count(2)


async def test_looking_changes_nothing_unless_it_is_asked_to(
    http: httpx.AsyncClient, watched: Watched
) -> None:
    memory = await stored(http, "Tea is at four.")

    counts = []
    for record in ("0", "1"):
        await watched.open("search", q="When is tea?", record=record)
        await expect(watched.page.locator("article.result")).to_have_count(1)
        counts.append((await http.get(f"/v1/memories/{memory}/inspect")).json()["access_count"])

    assert counts == [1, 2]


async def test_undo_says_what_it_takes_back_and_does(
    http: httpx.AsyncClient, watched: Watched
) -> None:
    page = watched.page
    for number_ in range(3):
        await stored(http, f"Note {number_} about the garden.")
    await http.post("/v1/maintenance/runs", json={"job": "capacity", "parameters": {"capacity": 1}})
    faded = (await http.get("/v1/stats")).json()["decayed"]
    await watched.open("maintenance")

    await page.get_by_role("button", name="Undo…").click()
    await expect(page.locator(".undo")).to_contain_text("takes back: 2 memories archived")
    await page.get_by_role("button", name="Undo it").click()
    await expect(page.locator(".done")).to_have_text("The run was undone.")

    assert (faded, (await http.get("/v1/stats")).json()["decayed"]) == (2, 0)


async def test_timeline_shows_what_was_there_at_a_moment(
    http: httpx.AsyncClient, watched: Watched
) -> None:
    page = watched.page
    await stored(http, "The office is in Bern.", occurred_at=days_ago(20))
    await stored(http, "The office is in Basel now.", occurred_at=days_ago(1))
    await watched.open("timeline", q="Where is the office?", at=days_ago(10))
    await expect(page.locator("#then")).to_contain_text("1 memory was active")

    await page.get_by_label("Moment").press("End")

    await expect(page.locator("#then")).to_contain_text("2 memories were active")
    await expect(page.locator("ol.focus > li")).to_have_count(2)


async def test_events_are_shown_as_they_happen_also_after_the_gateway_was_away(
    system: System, http: httpx.AsyncClient, watched: Watched
) -> None:
    page = watched.page
    gateway = system.start("gateway")
    await gateway.ready()
    port = gateway.ports["gateway"]
    watched.address = f"http://127.0.0.1:{port}"
    await watched.open("overview")
    await expect(page.locator("#live")).to_have_text("live")

    await gateway.stop()
    await expect(page.get_by_role("alert")).to_contain_text("does not answer")
    again = system.start("gateway", port=str(port))
    await again.ready()
    await expect(page.locator("#live")).to_have_text("live")
    await stored(http, "It is back.")

    await expect(page.locator("#feed li").first).to_contain_text("It is back.")
    await expect(page.locator(".tile b").first).to_have_text("1")
    await again.stop()
    watched.complaints = [each for each in watched.complaints if "ERR_" not in each]


async def test_every_view_is_accessible_and_asks_nobody_else(
    http: httpx.AsyncClient, watched: Watched
) -> None:
    page = watched.page
    memory = await stored(http, "Noemi works in Bern.", tags=["work"], speaker="Ann", session="1")
    await http.post("/v1/graph/concepts", json={"name": "Noemi", "type": "person"})
    found: dict[str, list[str]] = {}

    for view in VIEWS:
        given = {"memory": {"id": memory}, "search": {"q": "Noemi"}, "graph": {"concept": "Noemi"}}
        await watched.open(view, **given.get(view, {}))
        dark = [("dark", {"runOnly": ["color-contrast"]})] if view in IN_DARK else []
        for scheme, rules in [("light", {}), *dark]:
            await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type] # one of them
            report = await Axe().run(page, options=rules)
            found |= {
                f"{view}, {scheme}: {each['id']}": [node["html"][:200] for node in each["nodes"]]
                for each in report.response["violations"]
            }
        wide = await page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 390, f"{view} is wider than a phone"

    assert found == {}


async def test_wrong_key_is_asked_for_again(browser: Browser, address: str) -> None:
    page = await browser.new_page()
    await page.goto(f"{address}/")
    asked = page.get_by_role("dialog")

    await asked.get_by_label("Key").fill("not it")
    await asked.get_by_role("button", name="Use it").click()
    await expect(asked).to_contain_text("does not know this key")
    await asked.get_by_label("Key").fill(KEY)
    await asked.get_by_role("button", name="Use it").click()

    await expect(page.locator(".view")).to_contain_text("No memory is here yet.")
    await page.close()


async def test_text_of_a_memory_does_nothing(http: httpx.AsyncClient, watched: Watched) -> None:
    page = watched.page
    memory = await stored(http, HOSTILE, speaker="<b>Eve</b>", tags=["<i>tag</i>"])
    named = {"name": "<svg onload=alert(1)>", "type": "<b>"}
    await http.post("/v1/graph/concepts", json=named)

    shown = {}
    for view, given in {"search": {"q": "red"}, "memory": {"id": memory}, "graph": {}}.items():
        await watched.open(view, **given)
        shown[view] = await page.locator("main").text_content() or ""
        assert await page.locator("main :is(img, script, b, i:not([class]))").count() == 0

    assert "hacked" not in await page.title()
    assert "<img src=x" in shown["search"]
    assert "<script>" in shown["memory"]
    assert "<svg onload" in shown["graph"]


@pytest.mark.parametrize("prefix", ["/tools/memory/", "/ns/{namespace}/"])
async def test_page_works_behind_a_prefix(
    http: httpx.AsyncClient, watched: Watched, namespace: str, prefix: str
) -> None:
    page = watched.page
    await stored(http, "Behind a proxy.")

    async def without_prefix(route: Route) -> None:
        await route.continue_(url=route.request.url.replace("/tools/memory/", "/"))

    await page.route("**/tools/memory/**", without_prefix)

    await watched.open("search", prefix.format(namespace=namespace.replace("/", "%2F")))

    await expect(page.locator("article.result")).to_contain_text("Behind a proxy.")


async def test_benchmark_tells_percentiles(watched: Watched) -> None:
    page = watched.page
    await watched.open("benchmark")
    await page.get_by_label("Memories to store").fill("20")
    await page.get_by_label("Searches").fill("10")

    await page.get_by_role("button", name="Run").click()

    await expect(page.locator("#benchmark-state")).to_contain_text("Done: 20 memories")
    await expect(page.locator("tbody tr")).to_have_count(2)
