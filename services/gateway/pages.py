"""Pages that describe the API, with their scripts from here: there may be no internet."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import fastapi_offline
from fastapi import FastAPI
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html
from fastapi.staticfiles import StaticFiles
from starlette.responses import HTMLResponse

# Redoc asks for its maker's logo, and both would for more if a description named it.
_HEADERS = {"Content-Security-Policy": "default-src 'self' 'unsafe-inline' data: blob:"}
# Relative, so that they hold behind a proxy that puts a path before ours.
_FILES = "docs/files"


def add_pages(app: FastAPI) -> None:
    """Add `/docs` and `/redoc`."""
    files = Path(fastapi_offline.__file__).with_name("static")
    app.mount(f"/{_FILES}", StaticFiles(directory=files), name="docs_files")
    swagger = get_swagger_ui_html(
        openapi_url="openapi.json",
        title=f"{app.title}: the API",
        swagger_js_url=f"{_FILES}/swagger-ui-bundle.js",
        swagger_css_url=f"{_FILES}/swagger-ui.css",
        swagger_favicon_url=f"{_FILES}/favicon.png",
    )
    redoc = get_redoc_html(
        openapi_url="openapi.json",
        title=f"{app.title}: the API",
        redoc_js_url=f"{_FILES}/redoc.standalone.js",
        redoc_favicon_url=f"{_FILES}/favicon.png",
        with_google_fonts=False,
    )
    for path, page in (("/docs", swagger), ("/redoc", redoc)):
        app.add_api_route(path, _answering(bytes(page.body)), include_in_schema=False)


def _answering(page: bytes) -> Callable[[], Awaitable[HTMLResponse]]:
    async def answer() -> HTMLResponse:
        return HTMLResponse(page, headers=_HEADERS)

    return answer
