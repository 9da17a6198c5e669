"""The files of the page, and security headers for it and all other answers."""

from __future__ import annotations

import importlib.resources
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.datastructures import MutableHeaders
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import Response
from starlette.routing import Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

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
    """Add one route for each file, so that all other paths are left to the endpoints."""
    folder = Path(str(importlib.resources.files("openwebui_usage") / "web" / "client"))
    files = GZipMiddleware(_PageFiles(directory=folder, html=True))
    for file in sorted(folder.iterdir()):
        path = "/" if file.name == "index.html" else f"/{file.name}"
        app.router.routes.append(Route(path, files, methods=["GET", "HEAD"]))


class _PageFiles(StaticFiles):
    """Browsers ask for the files each time, and mostly get the answer that nothing has changed."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = "no-cache"
        return response


class SecurityHeaders:
    """Adds security headers to all answers but those to unexpected errors, which are made outside of middleware."""

    def __init__(self, app: ASGIApp) -> None:
        """`app` is the application to wrap."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Only changes answers to HTTP requests."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, receive, send_with_headers if scope["type"] == "http" else send)
