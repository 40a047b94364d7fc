"""The pages and what they load. A browser keeps them and asks each time whether they are still the same, so a
new version of the hub is on every screen with its next load."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import NotModifiedResponse, StaticFiles

from hub.resources import static_directory

if TYPE_CHECKING:
    import os

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import Scope

PAGES: Final = ("tablet", "kitchen", "staff")
# What the frame of a hotel's page loads, which has no origin of its own; nothing in these is a secret.
_FRAMED: Final = frozenset((".css", ".png", ".svg", ".webp"))
# Named here because the table of the system may say otherwise, and browsers refuse a module of another type.
_TYPES: Final = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}


class Files(StaticFiles):
    """The files of one folder, with ETag and `Cache-Control: no-cache`."""

    def file_response(
        self,
        full_path: str | os.PathLike[str],
        stat_result: os.stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers["Cache-Control"] = "no-cache"
        if Path(full_path).suffix in _FRAMED:
            response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        known = _TYPES.get(Path(full_path).suffix)
        if known and not isinstance(response, NotModifiedResponse):
            text = known.startswith("text/") or known == "image/svg+xml"
            response.headers["Content-Type"] = f"{known}; charset=utf-8" if text else known
        return response


def routes() -> list[BaseRoute]:
    """/tablet, /kitchen and /staff, and /static with what they load."""
    files = Files(directory=static_directory())

    def page(name: str) -> Route:
        async def answer(request: Request) -> Response:
            return await files.get_response(f"{name}.html", request.scope)

        return Route(f"/{name}", answer, methods=["GET"], name=name)

    return [*(page(name) for name in PAGES), Mount("/static", files, name="static")]
