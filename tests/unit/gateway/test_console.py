"""The console's page and files: open to all, cached but asked for again, and off by a setting."""

import re
from pathlib import Path

import httpx
import pytest

from services.gateway.app import build
from services.gateway.console import FOLDER
from services.gateway.settings import GatewaySettings

SOURCES = sorted(path for path in FOLDER.rglob("*") if path.is_file())
LINES_MAX, COLUMNS_MAX = 299, 100


def client_of(**settings: object) -> httpx.AsyncClient:
    app = build(GatewaySettings(**settings))  # type: ignore[arg-type] # any of its fields
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway")


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """A file with a key that nobody has."""
    file = tmp_path / "keys.json"
    file.write_text(
        f'[{{"name": "a", "sha256": "{"0" * 64}", "namespaces": ["*"], "rights": ["read"]}}]'
    )
    return file


async def test_page_is_what_the_check_of_the_published_server_looks_for() -> None:
    page = (await client_of().get("/")).text

    assert "Human Memory" in page
    assert '<div id="app">' in page
    assert ".js" in page


async def test_policy_lets_only_own_files_in_and_makes_no_markup_of_text() -> None:
    policy = (await client_of().get("/")).headers["Content-Security-Policy"]

    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "require-trusted-types-for 'script'" in policy


async def test_page_and_its_files_need_no_key_and_the_api_does(keys: Path) -> None:
    http = client_of(api_keys_file=keys)

    answers = [await http.get(path) for path in ("/", "/console/app.js", "/v1/stats")]

    assert [answer.status_code for answer in answers] == [200, 200, 401]


@pytest.mark.parametrize(
    "path", ["/console/../v1/stats", "/console/%2e%2e/%2e%2e/app.py", "/console//etc/passwd"]
)
async def test_nothing_but_the_files_is_below_their_folder(keys: Path, path: str) -> None:
    answer = await client_of(api_keys_file=keys).get(path)

    assert answer.status_code in (401, 404)


async def test_browser_asks_for_no_password_where_a_page_asks_for_the_key(keys: Path) -> None:
    http = client_of(api_keys_file=keys)

    asked = [
        (await http.get("/v1/stats", headers={"Accept": accept})).headers["WWW-Authenticate"]
        for accept in ("application/json", "text/html,*/*")
    ]

    assert asked == ["Bearer", 'Basic realm="human-memory", Bearer']


async def test_file_that_has_not_changed_is_not_sent_again() -> None:
    http = client_of()
    first = await http.get("/console/app.js")

    again = await http.get("/console/app.js", headers={"If-None-Match": first.headers["ETag"]})

    assert (first.status_code, again.status_code) == (200, 304)
    assert again.headers["Cache-Control"] == "no-cache"


async def test_setting_switches_it_off() -> None:
    http = client_of(console_enabled=False)

    page, file = await http.get("/"), await http.get("/console/app.js")

    assert 'href="docs"' in page.text
    assert "script" not in page.text
    assert file.status_code == 404


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_file_is_short_and_makes_no_markup_of_text(path: Path) -> None:
    lines = path.read_text("utf-8").splitlines()

    assert len(lines) <= LINES_MAX
    assert max(map(len, lines)) <= COLUMNS_MAX or path.suffix != ".js"
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(", "\n".join(lines)
    )


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_what_a_file_imports_is_there(path: Path) -> None:
    named = re.findall(r'(?:from|import) "(\.[^"]+)"', path.read_text("utf-8"))

    assert [each for each in named if not (path.parent / each).is_file()] == []
