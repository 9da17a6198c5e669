"""Changes by cookie come from Open WebUI's own pages alone.

A browser adds a cookie to whatever page's request, a form's or a script's, and one without a body needs no permission
of the server's (Fetch standard, "CORS-safelisted"). A token in a header is nothing that a foreign page could add.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from fastapi import HTTPException, Request

_READING = ("GET", "HEAD", "OPTIONS")
_OF_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data", "text/plain")
"""Content types that any page may send anywhere, and that no route here takes."""


async def same_origin(request: Request) -> None:
    """A FastAPI dependency: 403 for a change that a foreign page may have asked a browser for."""
    headers = request.headers
    # Basic credentials, for a proxy, are added by browsers as cookies are.
    has_token = headers.get("authorization", "").lower().startswith("bearer ") or headers.get("x-api-key")
    if request.method in _READING or has_token:
        return
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    own = site in ("same-origin", "none") if site is not None else origin is None or _is_own(origin, request)
    if not own or kind in _OF_FORMS:
        raise HTTPException(403, "Another site's page may not change this. Send a token in the header Authorization.")


def _is_own(origin: str, request: Request) -> bool:
    try:
        host = urlsplit(origin).netloc.lower()
    except ValueError:
        return False
    # A proxy may call itself by another name and tell the one that the browser used.
    names = (request.headers.get("host", ""), *request.headers.get("x-forwarded-host", "").split(","))
    return bool(host) and host in (name.strip().lower() for name in names)
