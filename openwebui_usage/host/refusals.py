"""How a refusal looks: to a person in a chat, and to a program that called the API."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from starlette.responses import JSONResponse

from openwebui_usage.rules import budgets as limits
from openwebui_usage.rules.budgets import Refusal

UNNAMED = "Usage limit reached."
AWAY = "Usage cannot be checked at the moment, and this deployment allows no call that is not checked. Try again."


def refusal_response(refusal: Refusal, *, is_named: bool = True) -> JSONResponse:
    """HTTP 429 in OpenAI's shape. `detail` is where Open WebUI's own page looks for a sentence.

    `is_named` is False for those who may not know of the budget. The `RateLimit-*` headers are whole numbers in the
    budget's unit (money in nano-dollars); in the body `limit` and `used` are dollars.
    """
    if not is_named:
        return _answer(UNNAMED, {}, {})
    now = datetime.now(UTC)
    budget = refusal.counter.budget
    limit, used = budget.limit or 0, refusal.used
    headers = {"RateLimit-Limit": str(limit), "RateLimit-Remaining": str(max(0, limit - used - refusal.held))}
    seconds = limits.retry_after(refusal, now)
    if seconds is not None:
        headers["Retry-After"] = headers["RateLimit-Reset"] = str(seconds)
    facts = {
        "budget": budget.name,
        "unit": budget.unit,
        "limit": limits.shown(limit, budget.unit),
        "used": limits.shown(used, budget.unit),
    }
    return _answer(limits.sentence(refusal, now), facts, headers)


def _answer(text: str, facts: dict[str, Any], headers: dict[str, str]) -> JSONResponse:
    error = {"message": text, "type": "insufficient_quota", "code": "usage_limit_reached", "param": None, **facts}
    return JSONResponse({"error": error, "detail": text}, status_code=429, headers=headers)


def unreadable_response() -> JSONResponse:
    """HTTP 400: nobody can say which limits hold for the call."""
    text = "model: must be given, in a body that is JSON: this deployment limits the use of its models."
    error = {"message": text, "type": "invalid_request_error", "code": "usage_model_unknown", "param": "model"}
    return JSONResponse({"error": error, "detail": text}, status_code=400)


def away_response() -> JSONResponse:
    """HTTP 503: the ledger cannot be asked."""
    error = {"message": AWAY, "type": "server_error", "code": "usage_ledger_away", "param": None}
    return JSONResponse({"error": error, "detail": AWAY}, status_code=503, headers={"Retry-After": "5"})
