"""Fields of a budget that say what happens at its limit, and before."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, NoReturn

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from openwebui_usage.api.fields import MAX_DECIMALS, MAX_LIMIT, MAX_MODEL_ID
from openwebui_usage.rules.actions import EFFORT_FROM, MOST_SECONDS, SLOW_UP_TO, BudgetAction, CarryOver
from openwebui_usage.rules.budgets import Budget
from openwebui_usage.rules.periods import MINUTE, rolling_slots


def _fallback_model(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not 0 < len(value.strip()) <= MAX_MODEL_ID or not value.isprintable():
        _wrong("fallback_model", f"must be the id of a model, 1 to {MAX_MODEL_ID} characters, or null", value)
    return value.strip()


def _carry_over(value: object) -> object:
    if value in ("none", "all"):
        return value
    try:
        amount = Decimal(str(value).strip())
    except InvalidOperation:
        amount = Decimal("NaN")
    is_number = not isinstance(value, bool) and isinstance(value, int | float | str | Decimal)
    is_in_range = is_number and amount.is_finite() and 0 < amount <= MAX_LIMIT
    # Rounded, or pydantic would write out a billion digits of 1e-999999999.
    amount = round(amount, MAX_DECIMALS) if is_in_range else Decimal(0)
    if not amount:
        _wrong(
            "carry_over", f'must be "none", "all", or an amount in the unit, more than 0 and up to {MAX_LIMIT}', value
        )
    return amount


def _whole(field: str, least: int, most: int, what: str, *, or_null: bool = False) -> BeforeValidator:
    def check(value: object) -> int | None:
        if value is None and or_null:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            _wrong(field, f"must be a whole number of {what}, {least} to {most}{', or null' if or_null else ''}", value)
        return value

    return BeforeValidator(check)


def _wrong(field: str, text: str, value: object) -> NoReturn:
    shown = repr(value)
    raise PydanticCustomError(field, f"{text} (got {{got}})", {"got": shown if len(shown) <= 60 else f"{shown[:57]}…"})


Action = Annotated[
    BudgetAction,
    Field(
        description="At the limit `block` refuses the next call, `warn` only shows it, `fallback` makes the call with "
        "`fallback_model`, `slow` lets it wait, and `effort` does no more than `effort_from` says.",
        examples=["block"],
    ),
]
FallbackModel = Annotated[
    Annotated[str, Field(min_length=1, max_length=MAX_MODEL_ID)] | None,
    BeforeValidator(_fallback_model),
    Field(description="The model for the action `fallback`, by its id.", examples=[None]),
]
SlowUpTo = Annotated[
    int,
    _whole("slow_up_to", 1, MOST_SECONDS, "seconds"),
    Field(
        ge=1, le=MOST_SECONDS, description="The longest wait for the action `slow`, in seconds.", examples=[SLOW_UP_TO]
    ),
]
EffortFrom = Annotated[
    Annotated[int, Field(ge=1, le=100)] | None,
    _whole("effort_from", 1, 100, "percent", or_null=True),
    Field(
        description="From which percent of the limit on models that reason do so with low effort; null: never.",
        examples=[None],
    ),
]


class AtLimit(BaseModel):
    """What happens at the limit, and before."""

    model_config = ConfigDict(extra="forbid")

    action: Action = "block"
    fallback_model: FallbackModel = None
    slow_up_to: SlowUpTo = SLOW_UP_TO
    effort_from: EffortFrom = None
    strict: bool = Field(
        default=False,
        description="Whether a call is refused where its prompt alone, as estimated, does not fit into what is left.",
        examples=[False],
    )
    cap_output: bool = Field(
        default=False, description="Whether an answer may be no longer than what is left.", examples=[False]
    )
    carry_over: Annotated[
        CarryOver | Decimal,
        BeforeValidator(_carry_over),
        Field(
            description="What of an unused remainder the next period begins with: `none`, `all`, or up to an amount in "
            "`unit`.",
            examples=["none"],
            json_schema_extra={"anyOf": [{"enum": ["none", "all"]}, {"type": "number", "exclusiveMinimum": 0}]},
        ),
    ] = "none"


def check_at_limit(given: dict[str, Any], before: Budget) -> None:
    """Complete `given`, which changes `before`. What does not go together raises ValueError, with the field first."""
    after = replace(before, **given)
    if before.action == "effort" != after.action and "effort_from" not in given:
        given["effort_from"] = None  # It was this action's own.
        after = replace(after, effort_from=None)
    if after.action == "fallback" and after.fallback_model is None:
        raise ValueError("fallback_model: must be given for the action fallback")
    if after.action == "effort" and after.effort_from is None:
        given["effort_from"] = EFFORT_FROM
    if after.period == MINUTE:
        if after.unit == "usd":
            raise ValueError("unit: must be tokens or requests for a budget of a minute")
        if after.action in ("slow", "effort"):
            raise ValueError("action: must be block, warn or fallback for a budget of a minute")
        if after.carry_over != "none":
            raise ValueError("carry_over: must be none for a budget of a minute")
        if after.effort_from is not None:
            raise ValueError("effort_from: must be null for a budget of a minute")
        if after.cap_output:
            raise ValueError("cap_output: must be false for a budget of a minute")
    if after.cap_output and after.action not in ("block", "fallback"):
        raise ValueError("cap_output: must be false where the action is neither block nor fallback: calls go on there")
    if after.carry_over != "none" and (after.period == "total" or rolling_slots(after.period) is not None):
        raise ValueError("carry_over: must be none for a budget that never begins anew")
