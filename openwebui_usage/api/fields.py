"""Fields that several bodies share. An error names the field, what is wrong and what would be right."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, NoReturn
from zoneinfo import available_timezones

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

MAX_NAME = 100
MAX_MODELS = 1000
MAX_MODEL_ID = 256
MAX_LIMIT = 10**15
MAX_DOLLARS = 10**9
MAX_PRICE = 10**6
MAX_DECIMALS = 12
"""Of US dollars: what a sum of floats has beyond is noise."""
MAX_SOFT_LIMITS = 10


def _wrong(field: str, text: str, value: object) -> NoReturn:
    shown = repr(value)
    raise PydanticCustomError(field, f"{text} (got {{got}})", {"got": shown if len(shown) <= 60 else f"{shown[:57]}…"})


def _name(value: object) -> str:
    if not isinstance(value, str):
        _wrong("name", "must be a text", value)
    name = value.strip()
    if not 0 < len(name) <= MAX_NAME:
        _wrong("name", f"must have 1 to {MAX_NAME} characters", value)
    if name in (".", "..") or any(char in "/\\" or unicodedata.category(char) in ("Cc", "Cs", "Cf") for char in name):
        _wrong("name", "must not contain slashes or control characters, nor be a dot or two", value)
    return name


def _models(value: object) -> list[str]:
    if not isinstance(value, list):
        _wrong("models", "must be a list of model ids", value)
    if len(value) > MAX_MODELS:
        raise PydanticCustomError(
            "models", "must have at most {most} models (got {got})", {"most": MAX_MODELS, "got": len(value)}
        )
    for position, model in enumerate(value):
        if not _is_model(model):
            _wrong("models", f"entry {position} must be a model id or a glob of 1 to {MAX_MODEL_ID} characters", model)
    return list(dict.fromkeys(model.strip() for model in value))


def _is_model(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value.strip()) <= MAX_MODEL_ID and value.isprintable()


def _id(value: object) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= MAX_NAME or not value.isprintable():
        _wrong("id", f"must be the id of a user or of a user group, 1 to {MAX_NAME} characters", value)
    return value


def _pattern(value: object) -> str:
    if not isinstance(value, str) or not _is_model(value):
        _wrong("model", f"must be a model id or a glob of 1 to {MAX_MODEL_ID} characters", value)
    return value.strip()


def _limit(value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_LIMIT:
        _wrong("limit", f"must be a whole number of tokens, 0 to {MAX_LIMIT}, or null for no limit", value)
    return value


def _timezone(value: object) -> str:
    if not isinstance(value, str) or value not in available_timezones():
        _wrong("timezone", "must be a time zone's name, such as Europe/Berlin or UTC", value)
    return value


def _soft_limits(value: object) -> list[int]:
    if not isinstance(value, list) or len(value) > MAX_SOFT_LIMITS:
        _wrong("soft_limits", f"must be a list of at most {MAX_SOFT_LIMITS} percentages", value)
    for percent in value:
        if isinstance(percent, bool) or not isinstance(percent, int) or not 1 <= percent <= 99:
            _wrong("soft_limits", "must be whole percentages, 1 to 99", percent)
    return sorted(set(value))


def _amount(field: str, most: int) -> Callable[[object], Decimal | None]:
    def check(value: object) -> Decimal | None:
        if value is None:
            return None
        text = f"must be a number, 0 to {most}"
        if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
            _wrong(field, text, value)
        try:
            number = Decimal(str(value).strip())
        except InvalidOperation:
            _wrong(field, text, value)
        if not number.is_finite() or not 0 <= number <= most:
            _wrong(field, text, value)
        return round(number, MAX_DECIMALS)

    return check


Name = Annotated[str, BeforeValidator(_name)]
Models = Annotated[list[str], BeforeValidator(_models)]
Id = Annotated[str, BeforeValidator(_id)]
Pattern = Annotated[str, BeforeValidator(_pattern)]
Limit = Annotated[int | None, BeforeValidator(_limit)]
Timezone = Annotated[str, BeforeValidator(_timezone)]
SoftLimits = Annotated[list[int], BeforeValidator(_soft_limits)]
Amount = Annotated[Decimal | None, BeforeValidator(_amount("limit", MAX_LIMIT))]
Rate = Annotated[Any, BeforeValidator(_amount("price", MAX_PRICE))]
