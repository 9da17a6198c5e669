"""How a refusal looks: to a person in a chat, and to a program that called the API."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from starlette.responses import JSONResponse

from openwebui_usage.rules.budgets import Refusal, retry_after
from openwebui_usage.rules.json_values import to_json_amount
from openwebui_usage.rules.model_ids import bounded
from openwebui_usage.rules.refusal_texts import refusal_message

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
    headers = {"RateLimit-Limit": str(limit), "RateLimit-Remaining": str(max(0, limit - used - refusal.reserved))}
    seconds = retry_after(refusal, now)
    if seconds is not None:
        headers["Retry-After"] = headers["RateLimit-Reset"] = str(seconds)
    facts = {
        "budget": budget.name,
        "unit": budget.unit,
        "limit": to_json_amount(limit, budget.unit),
        "used": to_json_amount(used, budget.unit),
    }
    return _answer(refusal_message(refusal, now), facts, headers)


def _answer(text: str, facts: dict[str, Any], headers: dict[str, str]) -> JSONResponse:
    error = {"message": text, "type": "insufficient_quota", "code": "usage_limit_reached", "param": None, **facts}
    return JSONResponse({"error": error, "detail": text}, status_code=429, headers=headers)


_LIMITED = "This deployment limits the use of its models"


def unreadable_response() -> JSONResponse:
    """HTTP 400: nobody can say which limits hold for the call."""
    text = f"model: must be given, in a body that is JSON. {_LIMITED}."
    return _rejection(400, text, "usage_model_unknown", "model")


def ambiguous_response() -> JSONResponse:
    """HTTP 400: the body names two models, and providers differ in which they take."""
    text = f"model: must be given once, in lower case. {_LIMITED}."
    return _rejection(400, text, "usage_model_ambiguous", "model")


def unlisted_response(model: str) -> JSONResponse:
    """HTTP 403: the host does not know the model, so no limit would hold for it."""
    text = (
        f'model: "{bounded(model)}" is not in this deployment\'s list of models. {_LIMITED}, '
        "so it takes listed ids only. Use an id from GET /api/models."
    )
    return _rejection(403, text, "usage_model_unlisted", "model")


def unmetered_response(method: str, path: str) -> JSONResponse:
    """HTTP 403: nobody can say what a pass-through path will use."""
    text = (
        f"path: what {method} {path[:200]} uses cannot be metered. {_LIMITED}, so it takes no such requests. "
        "An administrator can allow them: Functions, Usage metering, allow_unknown_paths."
    )
    return _rejection(403, text, "usage_path_unmetered", "path")


def background_response() -> JSONResponse:
    """HTTP 403: an answer that is made in the background tells its usage to nobody."""
    text = f"background: must be false or absent: such an answer cannot be metered. {_LIMITED}."
    return _rejection(403, text, "usage_background_refused", "background")


def _rejection(status: int, text: str, code: str, param: str) -> JSONResponse:
    text = text.encode(errors="replace").decode()  # An id may hold half a surrogate pair, which no answer can.
    error = {"message": text, "type": "invalid_request_error", "code": code, "param": param}
    return JSONResponse({"error": error, "detail": text}, status_code=status)


def away_response() -> JSONResponse:
    """HTTP 503: the ledger cannot be asked."""
    error = {"message": AWAY, "type": "server_error", "code": "usage_ledger_away", "param": None}
    return JSONResponse({"error": error, "detail": AWAY}, status_code=503, headers={"Retry-After": "5"})
