"""The console: a page of files that use the HTTP API and nothing else. They hold no secret."""

from pathlib import Path

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.types import Scope

FOLDER = Path(__file__).with_name("console_files")
# Nothing but our own files, no markup made of text, in nobody's frame.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    # Asked for again each time, and answered with 304: a new version is seen at once.
    "Cache-Control": "no-cache",
}
# Without the console. A relative link, so that it holds behind a proxy's prefix.
_HOME = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Human Memory</title></head>
<body><h1>Human Memory</h1><p>The API is described at <a href="docs">/docs</a>.</p></body></html>
"""


class _Files(StaticFiles):
    async def get_response(self, path: str, scope: Scope) -> Response:
        """A file with our headers."""
        response = await super().get_response(path, scope)
        response.headers.update(_HEADERS)
        return response


def add_console(app: FastAPI, *, enabled: bool) -> None:
    """Add `/`, and below `/console` the files that it loads."""
    if enabled:
        app.mount("/console", _Files(directory=FOLDER), name="console")

    @app.get("/", include_in_schema=False)
    async def home() -> Response:
        if not enabled:
            return HTMLResponse(_HOME)
        return FileResponse(FOLDER / "index.html", headers=_HEADERS)
