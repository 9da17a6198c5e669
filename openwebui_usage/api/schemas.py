"""Bodies and answers of the groups endpoints. An error names the field, what is wrong and what would be right."""

from __future__ import annotations

import unicodedata
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict
from pydantic_core import PydanticCustomError

from openwebui_usage.groups import Counting, GroupUsage

MAX_NAME = 100
MAX_MODELS = 1000
MAX_MODEL_ID = 256
MAX_LIMIT = 10**15


def _name(value: object) -> str:
    if not isinstance(value, str):
        raise PydanticCustomError("name", "must be a text (got {got})", {"got": _short(value)})
    name = value.strip()
    if not 0 < len(name) <= MAX_NAME:
        raise PydanticCustomError("name", "must have 1 to {most} characters", {"most": MAX_NAME})
    if name in (".", "..") or any(char in "/\\" or unicodedata.category(char) in ("Cc", "Cs", "Cf") for char in name):
        raise PydanticCustomError("name", "must not contain slashes or control characters, nor be a dot or two")
    return name


def _models(value: object) -> list[str]:
    if not isinstance(value, list):
        raise PydanticCustomError("models", "must be a list of model ids (got {got})", {"got": _short(value)})
    if len(value) > MAX_MODELS:
        raise PydanticCustomError(
            "models", "must have at most {most} models (got {got})", {"most": MAX_MODELS, "got": len(value)}
        )
    for position, model in enumerate(value):
        if not isinstance(model, str) or not 0 < len(model.strip()) <= MAX_MODEL_ID or not model.isprintable():
            raise PydanticCustomError(
                "models",
                "entry {position} must be a model id or a glob of 1 to {most} characters (got {got})",
                {"position": position, "most": MAX_MODEL_ID, "got": _short(model)},
            )
    return list(dict.fromkeys(model.strip() for model in value))


def _limit(value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_LIMIT:
        raise PydanticCustomError(
            "limit",
            "must be a whole number of tokens, 0 to {most}, or null for no limit (got {got})",
            {"most": MAX_LIMIT, "got": _short(value)},
        )
    return value


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


Name = Annotated[str, BeforeValidator(_name)]
Models = Annotated[list[str], BeforeValidator(_models)]
Limit = Annotated[int | None, BeforeValidator(_limit)]


class NewGroup(BaseModel):
    """The body of POST /api/usage/groups."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    models: Models
    limit: Limit = None
    counting: Counting | None = None


class GroupChanges(BaseModel):
    """The body of PUT /api/usage/groups/{name}: a field left out stays."""

    model_config = ConfigDict(extra="forbid")

    models: Models = []
    limit: Limit = None
    counting: Counting = "documented"


def group_json(entry: GroupUsage) -> dict[str, Any]:
    """A group as every answer and the socket event show it; `usage.in`, `.out` and `.total` as documented."""
    group, sums = entry.group, entry.sums
    return {
        "models": list(group.models),
        "limit": group.limit,
        "counting": group.counting,
        "usage": {
            "in": sums.input,
            "out": sums.out(group.counting),
            "total": sums.total(group.counting),
            "cached": sums.cached_input,
            "completion": sums.completion,
            "reasoning": sums.reasoning,
            "billed": sums.input + sums.output,
            "calls": sums.calls,
            "estimated_calls": sums.estimated_calls,
        },
    }
