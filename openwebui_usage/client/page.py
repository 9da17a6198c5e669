"""The page: its files, and the headers that keep it, and every other answer, from doing more than it should."""

from __future__ import annotations

import gzip
import hashlib
import importlib.resources
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_MEDIA_TYPES = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}
SECURITY = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


def add_page(app: FastAPI) -> None:
    """One route for each of its files."""
    folder = importlib.resources.files("openwebui_usage") / "web" / "client"
    for file in folder.iterdir():
        path = "/" if file.name == "index.html" else f"/{file.name}"
        media_type = _MEDIA_TYPES.get(Path(file.name).suffix, "text/plain")
        app.add_route(path, _asset(file.read_bytes(), media_type), methods=["GET", "HEAD"])


def _asset(content: bytes, media_type: str) -> Callable[[Request], Coroutine[Any, Any, Response]]:
    """Asked for again each time, and mostly told that nothing changed."""
    packed = gzip.compress(content, mtime=0)
    etag = hashlib.sha256(content).hexdigest()[:32]
    headers = {"Cache-Control": "no-cache", "ETag": f'W/"{etag}"', "Vary": "Accept-Encoding"}

    async def asset(request: Request) -> Response:
        if etag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        if "gzip" in request.headers.get("accept-encoding", ""):
            return Response(packed, media_type=media_type, headers={**headers, "Content-Encoding": "gzip"})
        return Response(content, media_type=media_type, headers=headers)

    return asset


class SecurityHeaders:
    """Adds them to every answer but that to a fault of ours, which is made outside of all middleware."""

    def __init__(self, app: ASGIApp) -> None:
        """Wraps `app`."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Everything but HTTP passes through."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, receive, send_with_headers if scope["type"] == "http" else send)
