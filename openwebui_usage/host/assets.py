"""What the page loads: our script behind /static/loader.js, and the API's own documentation."""

from __future__ import annotations

import hashlib
import html
import importlib.resources
import json
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.openapi.utils import get_openapi
from starlette.responses import FileResponse, HTMLResponse, Response

from openwebui_usage import __version__

LOADER = "/static/loader.js"
ADVICE = "/static/openwebui-usage-advice.js"
"""What our script has the page load when counter or menu are first used; a module."""
DOCS = "/docs"
OWN_DOCS = "/api/usage/docs"
OPENAPI = "/api/usage/openapi.json"


class Served:
    """When a browser last asked for our script; None before the first time."""

    def __init__(self) -> None:
        self.at: datetime | None = None


def has_script() -> bool:
    """Whether this installation has our script."""
    return bool(_script())


def loader_route(static_folder: Path, served: Served, after: str = "") -> APIRouter:
    """Every version of Open WebUI loads /static/loader.js, which is empty unless an admin put something there.

    This answers with the admin's file and our script behind it. `no-cache` with an ETag: a browser asks each time, and
    is mostly told that nothing changed. `served` is told of each time. `after` is a script that comes last.
    """
    router = APIRouter()

    @router.api_route(LOADER, methods=["GET", "HEAD"], include_in_schema=False)
    async def loader(request: Request) -> Response:
        served.at = datetime.now(UTC)
        try:
            theirs = (static_folder / "loader.js").read_bytes()
        except OSError:
            theirs = b""
        body = b";\n".join(part for part in (theirs.strip(), _script().strip(), after.encode()) if part)
        return _revalidated(request, body)

    @router.api_route(ADVICE, methods=["GET", "HEAD"], include_in_schema=False)
    async def advice(request: Request) -> Response:
        return _revalidated(request, _built("advice.js"))

    return router


def _revalidated(request: Request, script: bytes) -> Response:
    etag = f'"{hashlib.sha256(script).hexdigest()[:32]}"'
    headers = {"Cache-Control": "no-cache", "ETag": etag}
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(script, media_type="text/javascript", headers=headers)


def _script() -> bytes:
    """Ours, and what loads more of it later."""
    script, later = _built("usage.js"), _built("advice-when-used.js")
    return b";\n".join((script.strip(), b"(() => {%b})()" % later.strip())) if script and later else script


@lru_cache(maxsize=8)
def _built(name: str) -> bytes:
    """A built file; empty where this installation lacks it."""
    asset = importlib.resources.files("openwebui_usage") / "web" / name
    return asset.read_bytes() if asset.is_file() else b""


def docs_routes(usage: APIRouter, user: Callable[..., Any], swagger: Path, *, is_only: bool) -> APIRouter:
    """/api/usage/docs for signed-in users: our endpoints, in the swagger-ui that Open WebUI ships in `swagger`.

    `is_only`: the host has no /docs itself, so that shows the same. `user` is the dependency that turns strangers
    away. Open WebUI serves that folder itself, but only where its STATIC_DIR is the default.
    """
    router = APIRouter(dependencies=[Depends(user)])

    @router.get(OPENAPI, include_in_schema=False)
    async def openapi() -> dict[str, Any]:
        return get_openapi(title="Open WebUI usage", version=__version__, routes=usage.routes)

    for path in (OWN_DOCS, DOCS) if is_only else (OWN_DOCS,):

        @router.get(path, include_in_schema=False)
        async def docs() -> HTMLResponse:
            return HTMLResponse(_DOCS_PAGE)

    @router.get(_BUNDLE, include_in_schema=False)
    async def bundle() -> FileResponse:
        return FileResponse(swagger / "swagger-ui-bundle.js", media_type="text/javascript")

    @router.get(_STYLES, include_in_schema=False)
    async def styles() -> FileResponse:
        return FileResponse(swagger / "swagger-ui.css", media_type="text/css")

    return router


def put_first(app: FastAPI, usage: APIRouter) -> Callable[[], None]:
    """Have the host's own /docs begin with our endpoints, which are among hundreds of its own; returns the undoing."""
    original = app.openapi
    own = {getattr(route, "path", None) for route in usage.routes}

    def openapi() -> dict[str, Any]:
        schema = original()
        paths = schema.get("paths") or {}
        ours = {path: item for path, item in paths.items() if path in own}
        return {**schema, "paths": {**ours, **paths}}

    app.__dict__["openapi"] = openapi

    def undo() -> None:
        if app.__dict__.get("openapi") is openapi:
            del app.__dict__["openapi"]  # The one of the class shows again.
            if getattr(app, "openapi") != original:  # noqa: B009
                app.__dict__["openapi"] = original

    return undo


_BUNDLE = "/api/usage/docs/swagger-ui-bundle.js"
_STYLES = "/api/usage/docs/swagger-ui.css"
_OPTIONS = json.dumps({"url": OPENAPI, "dom_id": "#swagger-ui", "deepLinking": True})
_DOCS_PAGE = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Usage API</title>
<link rel="icon" href="/static/favicon.png">
<link rel="stylesheet" href="{html.escape(_STYLES)}">
</head>
<body>
<div id="swagger-ui"></div>
<script src="{html.escape(_BUNDLE)}"></script>
<script>SwaggerUIBundle({_OPTIONS})</script>
</body>
</html>
"""
