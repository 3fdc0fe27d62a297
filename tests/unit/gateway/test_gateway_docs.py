"""The pages that describe the API: they work where there is no internet."""

import re
from html.parser import HTMLParser
from urllib.parse import urljoin

import httpx
import pytest

from services.gateway.app import app

HERE = "http://gateway"


class Resources(HTMLParser):
    """All that a page loads."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        wanted = {"script": "src", "link": "href", "img": "src", "iframe": "src"}.get(tag)
        self.found += [value for name, value in attrs if name == wanted and value]


@pytest.fixture
def http() -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=HERE)


@pytest.mark.parametrize(("page", "least"), [("/docs", 3), ("/redoc", 2), ("/", 3)])
async def test_page_loads_nothing_from_elsewhere(
    http: httpx.AsyncClient, page: str, least: int
) -> None:
    answer = await http.get(page)
    html = answer.text
    resources = Resources()
    resources.feed(html)

    answers = {
        each: (await http.get(each)).status_code
        for each in (urljoin(HERE + page, found) for found in resources.found)
        if each.startswith(HERE)
    }

    assert len(answers) == len(set(resources.found)) >= least
    assert set(answers.values()) <= {200}
    assert answer.headers["Content-Security-Policy"].startswith("default-src '")
    assert re.findall(r"https?://(?!gateway)[^\s\"'<]+", html) == []


async def test_page_finds_the_document_of_the_api(http: httpx.AsyncClient) -> None:
    html = (await http.get("/docs")).text

    assert "'openapi.json'" in html


async def test_file_of_a_page_that_is_not_there_is_not_found(http: httpx.AsyncClient) -> None:
    answer = await http.get("/docs/files/../core.py")

    assert answer.status_code == 404
