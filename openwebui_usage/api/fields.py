"""Fields that several bodies share. An error names the field, what is wrong and what would be right."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Annotated, NoReturn
from zoneinfo import available_timezones

from fastapi import Path
from pydantic import BeforeValidator, Field, ValidationInfo
from pydantic_core import PydanticCustomError

from openwebui_usage.rules.periods import PATTERN, CalendarPeriod, checked_period

MAX_NAME = 100
MAX_MODELS = 1000
MAX_MODEL_ID = 256
MAX_LIMIT = 10**15
MAX_DOLLARS = 10**9
MAX_PRICE = 10**6
MAX_DECIMALS = 12
"""Of US dollars: what a sum of floats has beyond is noise."""
MAX_SOFT_LIMITS = 10
MAX_STATE = 4096
"""Characters of a page's address; all of them are ASCII."""
MAX_READER_GROUPS = 1000


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
        _wrong("id", f"must be the id of a user or of a user group, or a role, 1 to {MAX_NAME} characters", value)
    return value


def _reader_groups(value: object) -> list[str]:
    if not isinstance(value, list) or len(value) > MAX_READER_GROUPS:
        _wrong("user_groups", f"must be a list of at most {MAX_READER_GROUPS} names or ids of user groups", value)
    for group in value:
        if not isinstance(group, str) or not 0 < len(group.strip()) <= MAX_NAME or not group.isprintable():
            _wrong("user_groups", f"must be names or ids of user groups, 1 to {MAX_NAME} characters", group)
    return sorted({group.strip() for group in value})


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


@lru_cache(maxsize=1)
def _timezones() -> set[str]:
    """Remembered: each time they are asked for, all files of the database are looked at."""
    return available_timezones()


def _timezone(value: object) -> str:
    if not isinstance(value, str) or value not in _timezones():
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


def positive_amount(field: str) -> Callable[[object], Decimal]:
    """What takes a number that is more than 0."""
    check = _amount(field, MAX_LIMIT)

    def positive(value: object) -> Decimal:
        number = check(value)
        if number is None or not number:
            _wrong(field, f"must be a number, more than 0 and up to {MAX_LIMIT}", value)
        return number

    return positive


_price = _amount("price", MAX_PRICE)


def _period(value: object) -> str:
    try:
        return checked_period(value if isinstance(value, str) else "")
    except ValueError as error:
        _wrong("period", str(error), value)


def _state(value: object) -> str:
    is_query = isinstance(value, str) and value.isascii() and value.isprintable() and not {" ", "#"} & set(value)
    if not isinstance(value, str) or not is_query or len(value) > MAX_STATE:
        _wrong("state", f"must be the query of an address, without the question mark, up to {MAX_STATE} bytes", value)
    return value


def _page(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(_PAGE, value):
        _wrong("page", "must be the name of a page, such as overview", value)
    return value


_PAGE = r"^[a-z][a-z-]{0,31}$"


def _rate(value: object, info: ValidationInfo) -> Decimal | None:
    if value is None:
        raise PydanticCustomError("price", "{name} must be a number, not null", {"name": info.field_name})
    return _price(value)


_Tokens = Annotated[int, Field(ge=0, le=MAX_LIMIT)]
_Percent = Annotated[int, Field(ge=1, le=99)]
_Dollars = Annotated[Decimal, Field(ge=0, le=MAX_PRICE)]

# The constraints of `Field` are what the documentation shows. A validator before them has looked at the same already,
# and says what is wrong in words of ours.
Name = Annotated[
    str,
    BeforeValidator(_name),
    Field(min_length=1, max_length=MAX_NAME, description="Without slashes and control characters.", examples=["GPT"]),
]
PathName = Annotated[
    str,
    BeforeValidator(_name),
    Path(min_length=1, max_length=MAX_NAME, description="Without slashes and control characters."),
]
Pattern = Annotated[
    str,
    BeforeValidator(_pattern),
    Field(
        min_length=1,
        max_length=MAX_MODEL_ID,
        description="A model's id, or a glob: `*` is any run of characters, `?` any one.",
        examples=["gpt-4o*"],
    ),
]
Models = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=MAX_MODEL_ID)]],
    BeforeValidator(_models),
    Field(
        max_length=MAX_MODELS,
        description="Ids of models, or globs: `*` is any run of characters, `?` any one.",
        examples=[["gpt-4o*", "o3"]],
    ),
]
Id = Annotated[
    str,
    BeforeValidator(_id),
    Field(min_length=1, max_length=MAX_NAME, examples=["8f1c2b9a-6f1e-4c39-9f5e-3d1f2a7b6c5d"]),
]
ReaderGroups = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=MAX_NAME)]],
    BeforeValidator(_reader_groups),
    Field(
        max_length=MAX_READER_GROUPS,
        description="User groups of Open WebUI, by name or id, whose members may read.",
        examples=[["Finance"]],
    ),
]
Limit = Annotated[
    _Tokens | None,
    BeforeValidator(_limit),
    Field(description="Whole tokens in a period; null for no limit.", examples=[1_000_000]),
]
Timezone = Annotated[
    str,
    BeforeValidator(_timezone),
    Field(description="Where days begin: a name of the IANA time zone database.", examples=["Europe/Berlin"]),
]
SoftLimits = Annotated[
    list[_Percent],
    BeforeValidator(_soft_limits),
    Field(
        max_length=MAX_SOFT_LIMITS,
        description="Percent of the limit at which the webhook is told.",
        examples=[[80, 95]],
    ),
]
Period = Annotated[
    str,
    BeforeValidator(_period),
    Field(
        pattern=PATTERN,
        description="How long the limit lasts before it begins anew: `total` (never), `hour`, `day`, `week`, `month`, "
        "`quarter`, `year`, some days from a date (`14 days from 2026-11-01`); or a window that moves with the time "
        "(`last 5 hours`, `last 30 days`), exact to a quarter of an hour, or `minute`: the last sixty seconds, of each "
        "model by itself.",
        examples=["month"],
    ),
]
GroupPeriod = Annotated[
    CalendarPeriod, Field(description="How long the limit lasts before it begins anew.", examples=["month"])
]
Amount = Annotated[
    Annotated[Decimal, Field(ge=0, le=MAX_LIMIT)] | None,
    BeforeValidator(_amount("limit", MAX_LIMIT)),
    Field(
        description=f"In `unit`: whole tokens or requests, or US dollars up to {MAX_DOLLARS}; null only counts.",
        examples=[25],
    ),
]
State = Annotated[
    str,
    BeforeValidator(_state),
    Field(
        max_length=MAX_STATE,
        description="The query of the page's address, without the question mark.",
        examples=["range=month&group=model"],
    ),
]
Page = Annotated[
    str, BeforeValidator(_page), Field(pattern=_PAGE, description="Which page it is of.", examples=["overview"])
]
Rate = Annotated[_Dollars, BeforeValidator(_rate)]
OptionalRate = Annotated[_Dollars | None, BeforeValidator(_price)]
