"""How a refusal looks: to a person in a chat, and to a program that called the API."""

from __future__ import annotations

from datetime import UTC, datetime

from starlette.responses import JSONResponse

from openwebui_usage import limits
from openwebui_usage.limits import Refusal

AWAY = "Usage cannot be checked at the moment, and this deployment allows no call that is not checked. Try again."


def refusal_response(refusal: Refusal) -> JSONResponse:
    """HTTP 429 in OpenAI's shape. `detail` is where Open WebUI's own page looks for a sentence."""
    now = datetime.now(UTC)
    text = limits.sentence(refusal, now)
    budget = refusal.counter.budget
    limit, used = budget.limit or 0, refusal.used
    headers = {"RateLimit-Limit": str(limit), "RateLimit-Remaining": str(max(0, limit - used - refusal.held))}
    seconds = limits.retry_after(refusal, now)
    if seconds is not None:
        headers["Retry-After"] = headers["RateLimit-Reset"] = str(seconds)
    error = {
        "message": text,
        "type": "insufficient_quota",
        "code": "usage_limit_reached",
        "param": None,
        "budget": budget.name,
        "unit": budget.unit,
        "limit": limit,
        "used": used,
    }
    return JSONResponse({"error": error, "detail": text}, status_code=429, headers=headers)


def away_response() -> JSONResponse:
    """HTTP 503: the ledger cannot be asked."""
    error = {"message": AWAY, "type": "server_error", "code": "usage_ledger_away", "param": None}
    return JSONResponse({"error": error, "detail": AWAY}, status_code=503, headers={"Retry-After": "5"})
