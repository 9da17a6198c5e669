"""The routes of the pages: /usage/ for everybody, /usage/admin/… for admins and readers, and what both load.

The pages themselves tell nothing: whoever opens one gets the same empty shell, and what it shows is asked of
/api/usage with the reader's own login.
"""

from __future__ import annotations

import asyncio
import functools
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from openwebui_usage.pages.files import ENTRIES, BuiltFile, built_folder, is_built, read_files

ROOT = "/usage"
LOAD_ENTRIES = f'import("..{ROOT}/{ENTRIES}").catch(() => {{}});'
"""A line for a script that Open WebUI's pages load from a folder at the root: it has them lead here."""
_METHODS = ["GET", "HEAD"]
_DEEPEST = 8
"""Slashes of an address below /usage/: no page of ours has more than three."""

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


def page_routes(folder: Path | None = None) -> list[Route]:
    """The routes of what was built into `folder`; none where nothing was."""
    folder = folder or built_folder()
    if not is_built(folder):
        return []
    pages = _Pages(folder)
    return [
        Route(ROOT, pages.redirect, methods=_METHODS),
        Route(f"{ROOT}/", pages.my, methods=_METHODS),
        Route(f"{ROOT}/admin", pages.redirect, methods=_METHODS),
        Route(f"{ROOT}/admin/{{path:path}}", pages.admin, methods=_METHODS),
        Route(f"{ROOT}/assets/{{name}}", pages.asset, methods=_METHODS),
        Route(f"{ROOT}/{ENTRIES}", pages.entries, methods=_METHODS),
    ]


class _Pages:
    """Answers with built files, which are read when the first of them is asked for."""

    def __init__(self, folder: Path) -> None:
        self._read = functools.cache(lambda: read_files(folder))

    async def redirect(self, request: Request) -> Response:
        """To the same with a slash, which relative addresses need. Relative itself: who knows what a proxy cut off."""
        last = request.url.path.rpartition("/")[2]
        query = f"?{request.url.query}" if request.url.query else ""
        return Response(status_code=307, headers={**HEADERS, "Location": f"{last}/{query}"})

    async def my(self, request: Request) -> Response:
        """Everybody's own page."""
        return await self._answer(request, "my.html")

    async def admin(self, request: Request) -> Response:
        """One shell for all of the admins' pages, so that each can be reloaded and linked to."""
        depth = 1 + request.path_params["path"].count("/")
        return await self._answer(request, "admin.html" if depth <= _DEEPEST else "", depth)

    async def asset(self, request: Request) -> Response:
        """What a page loads. Its name has a hash of its content, so it never changes."""
        return await self._answer(request, f"assets/{request.path_params['name']}")

    async def entries(self, request: Request) -> Response:
        """What Open WebUI's own pages load, to lead here."""
        return await self._answer(request, ENTRIES)

    async def _answer(self, request: Request, name: str, depth: int = 0) -> Response:
        files = await asyncio.to_thread(self._read)
        file = files.get(name)
        if file is None:
            return Response("There is no such file.", 404, {**HEADERS, "Cache-Control": "no-store"})
        return await asyncio.to_thread(_response, request, file.at_depth(depth))


def _response(request: Request, file: BuiltFile) -> Response:
    headers = {**HEADERS, "ETag": file.etag, "Vary": "Accept-Encoding", "Cache-Control": file.cache_control}
    if file.etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    body = file.body
    if "gzip" in request.headers.get("accept-encoding", "") and file.compressed is not None:
        body = file.compressed
        headers["Content-Encoding"] = "gzip"
    return Response(body, media_type=file.media_type, headers=headers)
