"""Calls as they are listed: one by one, as JSON and as the rows of a table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel, Field

from openwebui_usage.api.answers.fields import Amount, Count, Dollars, to_amount
from openwebui_usage.api.answers.reports import LocalMoment, NamedValue
from openwebui_usage.ledger.call_details import CallDetails
from openwebui_usage.ledger.call_log import Call, CallPage
from openwebui_usage.ledger.report_query import NONE, NOT_RECORDED, Named
from openwebui_usage.rules.budgets import Budget, Unit, budget_of_group
from openwebui_usage.rules.money import dollars
from openwebui_usage.rules.periods import PeriodKind

_Named = Annotated[NamedValue | str, Field(description="`none` or `not recorded` where there is nothing to name.")]
_Text = Annotated[str, Field(description="`none` and `not recorded` stand for themselves.")]
_Span = Annotated[float, Field(ge=0)]
_Seconds = Annotated[_Span | None, Field(description="Seconds; null where that was not seen.")]
_Cost = Annotated[Dollars | None, Field(description="In US dollars; null where that is not known.")]


class UsageCall(BaseModel):
    """One call of a model."""

    id: str = Field(description="Grows with time.", examples=["18d63c1f0a4b2c009f31c0de5a7b6c1d"])
    started_at: LocalMoment
    user: _Named = Field(examples=[{"id": "8f1c2b9a-6f1e-4c39-9f5e-3d1f2a7b6c5d", "name": "Ada"}])
    user_groups: list[NamedValue] | str = Field(
        description="Open WebUI's, that the user was in then; or `not recorded`.",
        examples=[[{"id": "3d1f2a7b", "name": "Sales"}]],
    )
    model: str = Field(description="The id that was asked for.", examples=["helper"])
    called_model: str = Field(description="The id that answered: of a workspace model its base.", examples=["gpt-4o"])
    connection: _Named = Field(
        examples=[{"id": "openai:https://api.openai.com/v1", "name": "https://api.openai.com/v1"}]
    )
    kind: _Text = Field(examples=["chat"])
    key: _Text = Field(description="The API key that it came in with, as it may be shown.", examples=["none"])
    task: str | None = Field(description="What Open WebUI called the model for, where by itself.", examples=[None])
    path: str | None = Field(description="The route that it came in by.", examples=["/api/chat/completions"])
    usage_groups: list[str] = Field(
        description="Names of the usage groups that held the model then.", examples=[["GPT"]]
    )
    in_: Count = Field(serialization_alias="in", description="Prompt tokens.", examples=[1234])
    out: Count = Field(description="Completion and reasoning tokens, as the provider reported them.", examples=[567])
    total: Count = Field(description="`in` and `out` together.", examples=[1801])
    cached: Count = Field(description="Prompt tokens that came from a cache.", examples=[1024])
    cache_write: Count = Field(description="Prompt tokens that were written to a cache.", examples=[0])
    completion: Count = Field(description="Completion tokens, as the provider reported them.", examples=[300])
    reasoning: Count = Field(description="Reasoning tokens, as the provider reported them.", examples=[267])
    billed: Count = Field(description="All tokens that were billed, each once.", examples=[1534])
    cost: _Cost = Field(examples=[0.0044])
    cost_input: _Cost = Field(description="The part of `cost` for uncached prompt tokens.", examples=[0.0005])
    cost_cached: _Cost = Field(description="The part of `cost` for cached prompt tokens.", examples=[0.0009])
    cost_cache_write: _Cost = Field(description="The part of `cost` for writing to a cache.", examples=[0])
    cost_output: _Cost = Field(description="The part of `cost` for the answer.", examples=[0.003])
    cost_source: str | None = Field(description="Who knew the price.", examples=["genai-prices"])
    price_version: str | None = Field(description="The version of the public price list.", examples=["0.2.3"])
    first_token_after: _Seconds = Field(examples=[0.41])
    thinking: _Seconds = Field(description="Seconds from the first thought to the answer.", examples=[3.2])
    duration: _Span = Field(description="Seconds.", examples=[7.5])
    outcome: str = Field(description="`done`, `stopped` or `error`.", examples=["done"])
    error: str | None = Field(description="What kind of error it ended with.", examples=[None])
    effort: str | None = Field(
        description="How hard the model was asked to think, as it was sent: a level, `8192 tokens`, `on` or `none`; "
        "null where the model decided.",
        examples=["high"],
    )
    estimated: bool = Field(description="The provider never told what it used.", examples=[False])
    unverified: bool = Field(
        description="Only the browser saw the provider (a direct connection): it is in no total and no report.",
        examples=[False],
    )
    chat_id: str | None = Field(examples=[None])
    message_id: str | None = Field(examples=[None])


class CallLimit(BaseModel):
    """A usage group or a budget."""

    name: str = Field(examples=["GPT"])
    unit: Unit = Field(examples=["tokens"])
    limit: Amount | None = Field(description="In `unit`; null for none.", examples=[1_000_000])
    period: PeriodKind = Field(examples=["month"])

    @classmethod
    def of(cls, budget: Budget) -> CallLimit:
        """A budget, or a group's limit as one."""
        return cls(name=budget.name, unit=budget.unit, limit=to_amount(budget.limit, budget.unit), period=budget.period)


class UsageCallDetails(UsageCall):
    """All that is known of one call."""

    raw_usage: Any = Field(
        description="What the provider said of its usage, word for word; null where it said nothing, or where that "
        "was removed after OPENWEBUI_USAGE_KEEP_RAW_USAGE.",
        examples=[{"prompt_tokens": 1234, "completion_tokens": 300}],
    )
    groups: list[CallLimit] = Field(description="The usage groups that counted it and are still there.")
    budgets: list[CallLimit] | None = Field(
        description="The budgets that count such a call, as they are today; null for those who are no admins."
    )


class UsageCalls(BaseModel):
    """A page of calls, newest first."""

    calls: list[UsageCall]
    next: str | None = Field(
        description="Give it as `before` for the next page; null at the end. A page may be short and not the last.",
        examples=["18d63c1f0a4b2c009f31c0de5a7b6c1d"],
    )


CALL_COLUMNS: Mapping[str, type] = {
    "id": str,
    "started_at": str,
    "user": str,
    "user_id": str,
    "user_groups": list,
    "model": str,
    "called_model": str,
    "connection": str,
    "connection_id": str,
    "kind": str,
    "key": str,
    "task": str,
    "path": str,
    "usage_groups": list,
    "in": int,
    "out": int,
    "total": int,
    "cached": int,
    "cache_write": int,
    "completion": int,
    "reasoning": int,
    "billed": int,
    "cost": float,
    "cost_input": float,
    "cost_cached": float,
    "cost_cache_write": float,
    "cost_output": float,
    "cost_source": str,
    "price_version": str,
    "first_token_after": float,
    "thinking": float,
    "duration": float,
    "outcome": str,
    "error": str,
    "effort": str,
    "estimated": bool,
    "unverified": bool,
    "chat_id": str,
    "message_id": str,
}
"""A call's fields as columns of a table; of a name the id stands in a column of its own."""
_SHOWN_OTHERWISE = frozenset(("user_id", "connection_id"))


def calls_json(page: CallPage, zone: ZoneInfo) -> dict[str, Any]:
    """A `UsageCalls`."""
    return {"calls": [call_json(call, zone) for call in page.calls], "next": page.next}


def call_json(call: Call, zone: ZoneInfo) -> dict[str, Any]:
    """A `UsageCall`."""
    values = zip(CALL_COLUMNS, call_values(call, zone), strict=True)
    told = {name: value for name, value in values if name not in _SHOWN_OTHERWISE}
    facts = call.facts
    told["user"] = _named(facts.user) or told["user"]
    told["connection"] = _named(facts.connection) or told["connection"]
    if facts.user_groups or call.is_recorded:
        told["user_groups"] = [_named(group) for group in facts.user_groups]
    else:
        told["user_groups"] = NOT_RECORDED
    return told


def details_json(found: CallDetails, zone: ZoneInfo, *, with_budgets: bool) -> dict[str, Any]:
    """A `UsageCallDetails`."""
    groups = [CallLimit.of(budget_of_group(group)) for group in found.groups]
    budgets = [CallLimit.of(budget) for budget in found.budgets] if with_budgets else None
    return {
        **call_json(found.call, zone),
        "raw_usage": found.raw_usage,
        "groups": [limit.model_dump() for limit in groups],
        "budgets": None if budgets is None else [limit.model_dump() for limit in budgets],
    }


def call_table(calls: Iterable[Call], zone: ZoneInfo) -> Iterator[tuple[Any, ...]]:
    """The rows for `CALL_COLUMNS`."""
    return (call_values(call, zone) for call in calls)


def call_values(call: Call, zone: ZoneInfo) -> tuple[Any, ...]:
    """In the order of `CALL_COLUMNS`."""
    row = call.row
    out = row.completion + row.reasoning
    return (
        row.id,
        datetime.fromtimestamp(row.started_at, zone).isoformat(),
        *combination_values(call),
        row.task,
        row.path,
        list(call.facts.usage_groups),
        row.input,
        out,
        row.input + out,
        row.cached_input,
        row.cache_write,
        row.completion,
        row.reasoning,
        row.input + row.output,
        dollars(row.cost_nano),
        dollars(row.cost_input),
        dollars(row.cost_cached),
        dollars(row.cost_cache_write),
        dollars(row.cost_output),
        row.cost_source,
        row.price_version,
        _span(row.first_token_after),
        _span(row.thinking),
        _span(row.duration),
        row.outcome,
        row.error,
        row.effort,
        bool(row.estimated),
        bool(row.unverified),
        row.chat_id,
        row.message_id,
    )


COMBINATION_COLUMNS = tuple(CALL_COLUMNS)[2:11]
"""From `user` to `key`: the same for all calls of a combination."""


def combination_values(call: Call) -> tuple[Any, ...]:
    """In the order of `COMBINATION_COLUMNS`."""
    facts = call.facts
    nothing = NONE if call.is_recorded else NOT_RECORDED
    user, connection = facts.user, facts.connection
    groups = [group.name for group in facts.user_groups]
    return (
        NONE if user is None else user.name,
        None if user is None else user.id,
        groups if groups or call.is_recorded else [NOT_RECORDED],
        call.row.model,
        call.row.called_model,
        nothing if connection is None else connection.name,
        None if connection is None else connection.id,
        facts.kind or nothing,
        facts.key or nothing,
    )


def _span(seconds: float | None) -> float | None:
    """A clock may have been set back meanwhile."""
    return None if seconds is None else max(0.0, seconds)


def _named(value: Named | None) -> dict[str, str] | None:
    return None if value is None else {"id": value.id, "name": value.name}
