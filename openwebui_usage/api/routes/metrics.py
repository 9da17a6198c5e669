"""/api/usage/metrics, for monitoring systems: with a token of their own, or as an admin."""

from __future__ import annotations

import hmac
from typing import Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Scope

from openwebui_usage.api.access import Access
from openwebui_usage.api.metrics import Exposition
from openwebui_usage.api.routes.errors import LedgerRoute, problems

_EXAMPLE = """# HELP openwebui_usage_tokens_total Tokens that were billed, each in one type.
# TYPE openwebui_usage_tokens_total counter
openwebui_usage_tokens_total{connection="https://api.openai.com/v1",kind="chat",model="gpt-4o",type="input"} 1234.0
"""
_TEXT: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Prometheus's text format, or OpenMetrics for those who accept it",
        "content": {
            "text/plain": {"schema": {"type": "string"}, "example": _EXAMPLE},
            "application/openmetrics-text": {"schema": {"type": "string"}, "example": f"{_EXAMPLE}# EOF\n"},
        },
    }
}


def add_metrics(router: APIRouter, access: Access, exposition: Exposition, token: str | None) -> None:
    """For admins, and for whoever has the token, if there is one."""

    async def answer(request: Request) -> Response:
        body, content_type = await exposition.answer(request.headers.get("accept", ""))
        return Response(body, headers={"Content-Type": content_type, "Cache-Control": "no-store"})

    if token:
        # Before the other one, whose dependency refuses whoever has no login.
        router.add_api_route(
            "/metrics", answer, response_class=Response, include_in_schema=False, route_class_override=_only_with(token)
        )

    @router.get(
        "/metrics",
        summary="Metrics for Prometheus, from the ledger",
        response_class=Response,
        dependencies=[Depends(access.admin)],
        responses=_TEXT | problems(401, 403),
    )
    async def get_metrics(request: Request) -> Response:
        return await answer(request)


def _only_with(token: str) -> type[LedgerRoute]:
    """A route for those alone who have a token; all others come to the routes after it."""
    wanted = token.strip().encode()  # From a file, it has a line's end.

    class TokenRoute(LedgerRoute):
        def matches(self, scope: Scope) -> tuple[Match, Scope]:
            found, child = super().matches(scope)
            if found is Match.FULL and not hmac.compare_digest(_bearer_of(scope), wanted):
                return Match.NONE, {}
            return found, child

    return TokenRoute


def _bearer_of(scope: Scope) -> bytes:
    for name, value in scope["headers"]:
        if name == b"authorization":
            kind, _, token = bytes(value).partition(b" ")
            if kind.lower() == b"bearer":
                return token.strip()
    return b""
