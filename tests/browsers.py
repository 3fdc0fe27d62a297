"""A real browser, as it is installed on this machine, for tests and screenshots."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, async_playwright

NAMES = (
    *("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"),
    *("microsoft-edge", "microsoft-edge-stable"),
)
NONE_FOUND = (
    "no Chromium or Chrome is in PATH: the console was not tried in a browser "
    "(Debian, Ubuntu: apt-get install chromium)"
)


def found() -> str | None:
    """The path of a browser."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


@asynccontextmanager
async def browser_at(path: str) -> AsyncIterator[Browser]:
    """The browser, running without a window."""
    async with async_playwright() as playwright:
        # In containers, where everything is root's, it has no sandbox of its own; and it would ask
        # for a list of components at an address of its maker's.
        arguments = ["--no-sandbox", "--disable-component-update"]
        browser = await playwright.chromium.launch(executable_path=path, args=arguments)
        try:
            yield browser
        finally:
            await browser.close()
