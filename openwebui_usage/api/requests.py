"""Bodies of the endpoints."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from openwebui_usage.api.at_limit import AtLimit, check_at_limit
from openwebui_usage.api.fields import (
    MAX_DOLLARS,
    Amount,
    GroupPeriod,
    Id,
    Limit,
    Models,
    Name,
    OptionalRate,
    Page,
    Pattern,
    Period,
    Rate,
    ReaderGroups,
    SoftLimits,
    State,
    Timezone,
)
from openwebui_usage.api.override_bodies import MOST_OVERRIDES, OverrideBody, overrides_of
from openwebui_usage.ledger.own_limits import OwnLimit, OwnPeriod
from openwebui_usage.ledger.reader_store import StoredReaders
from openwebui_usage.rules.budgets import Budget, Scope, ScopeKind, Unit
from openwebui_usage.rules.groups import DEFAULT_SOFT_LIMITS, Action, Counting
from openwebui_usage.rules.money import nano_dollars
from openwebui_usage.rules.overrides import SeveralGroups
from openwebui_usage.rules.pricing import Price

_Action = Annotated[
    Action, Field(description="At the limit `block` refuses the next call, `warn` only shows it.", examples=["block"])
]
_COUNTING = "Whether OUT is completion + reasoning tokens as the provider reported them, or the billed ones."
_Counting = Annotated[Counting, Field(description=_COUNTING, examples=["documented"])]


def _without_defaults(schema: dict[str, Any]) -> None:
    """What is left out of a change stays as it is: it has no default."""
    for field in schema["properties"].values():
        field.pop("default", None)


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewGroup(_Body):
    """A usage group to create."""

    name: Name
    models: Models
    limit: Limit = None
    period: GroupPeriod = "total"
    timezone: Timezone = "UTC"
    action: _Action = "block"
    soft_limits: SoftLimits = list(DEFAULT_SOFT_LIMITS)
    counting: Counting | None = Field(
        default=None, description=f"{_COUNTING} Null: as OPENWEBUI_USAGE_COUNTING says.", examples=["documented"]
    )


class GroupChanges(_Body):
    """What to change of a usage group: a field left out stays, `"limit": null` removes the limit. Budgets that count
    the group still do so under another `name`.
    """

    model_config = ConfigDict(json_schema_extra=_without_defaults)

    name: Name = ""
    models: Models = []
    limit: Limit = None
    period: GroupPeriod = "total"
    timezone: Timezone = "UTC"
    action: _Action = "block"
    soft_limits: SoftLimits = []
    counting: _Counting = "documented"


class ScopeBody(_Body):
    """Whom a budget binds."""

    kind: ScopeKind = Field(
        description="Everyone together, each user alone, one user, a user group or everybody with a role together, or "
        "each of them alone.",
        examples=["each_user"],
    )
    id: Id | None = Field(
        default=None,
        description="Of the user or of Open WebUI's user group, or the name of the role, for the kinds that name one.",
        examples=[None],
    )

    @model_validator(mode="after")
    def _has_id(self) -> ScopeBody:
        if (self.id is None) != (self.kind in ("everyone", "each_user")):
            need = "needs the id of a user or of a user group, or a role" if self.id is None else "takes no id"
            raise PydanticCustomError("scope", 'kind "{kind}" {need}', {"kind": self.kind, "need": need})
        return self


class BudgetChanges(AtLimit, _Body):
    """What to change of a budget: a field left out stays. Another `unit` needs a `limit` with it."""

    model_config = ConfigDict(json_schema_extra=_without_defaults)

    limit: Amount = None
    unit: Unit = Field(default="tokens", description="What is counted.", examples=["usd"])
    scope: ScopeBody = ScopeBody(kind="everyone")
    models: Models = ["*"]
    group: Name | None = Field(
        default=None, description="A usage group whose models are counted, in place of `models`.", examples=[None]
    )
    period: Period = "total"
    timezone: Timezone = "UTC"
    soft_limits: SoftLimits = list(DEFAULT_SOFT_LIMITS)
    counting: _Counting = "documented"
    free_models_exempt: bool = Field(
        default=True,
        description="Models that cost nothing stay usable when a budget of money is spent.",
        examples=[True],
    )
    overrides: list[OverrideBody] = Field(
        default=[],
        max_length=MOST_OVERRIDES,
        description="Exceptions, where users are counted separately: the user's own wins, else one of the user's "
        "groups (see `several_groups`), else the role's; of several for the same, the first.",
        examples=[[{"user_group": "8f1c2b9a-6f1e-4c39-9f5e-3d1f2a7b6c5d", "limit": 30}]],
    )
    several_groups: SeveralGroups = Field(
        default="highest",
        description="Which exception holds for a member of several user groups that have one.",
        examples=["highest"],
    )

    def changes(self, before: Budget) -> dict[str, Any]:
        """The fields that were given, as `Budget` has them. Raises ValueError for those that do not go together."""
        given: dict[str, Any] = {
            name: getattr(self, name) for name in self.model_fields_set & BudgetChanges.model_fields.keys()
        }
        if "scope" in given:
            given["scope"] = Scope(self.scope.kind, self.scope.id)
        if given.get("group") is not None and "models" in given:
            raise ValueError("group: give either a usage group or models, not both")
        if "models" in given:
            given["group"] = None
        for name in ("models", "soft_limits"):
            if name in given:
                given[name] = tuple(given[name])
        unit: Unit = given.get("unit", before.unit)
        if "limit" in given:
            given["limit"] = _in_unit(self.limit, unit)
        elif unit != before.unit:
            raise ValueError("limit: must be given together with another unit")
        if isinstance(self.carry_over, Decimal):
            given["carry_over"] = _in_unit(self.carry_over, unit, "carry_over")
            if not given["carry_over"]:
                raise ValueError("carry_over: must be at least 0.000000001 US dollars")
        elif unit != before.unit and "carry_over" not in given and isinstance(before.carry_over, int):
            raise ValueError("carry_over: must be given together with another unit")
        if "overrides" in given:
            given["overrides"] = overrides_of(self.overrides, lambda limit: _in_unit(limit, unit))
        elif unit != before.unit and any(override.limit for override in before.overrides):
            raise ValueError("overrides: must be given together with another unit")
        scope: Scope = given.get("scope", before.scope)
        if scope.is_shared and given.get("overrides", before.overrides):
            raise ValueError(
                f'overrides: the scope "{scope.kind}" has one sum for all; use one that begins with each_user'
            )
        check_at_limit(given, before)
        return given


class NewBudget(BudgetChanges):
    """A budget to create."""

    model_config = ConfigDict(json_schema_extra=None)

    name: Name
    limit: Amount

    def budget(self) -> Budget:
        """As the ledger has it, without an id. Raises ValueError, as `changes` does."""
        blank = Budget(id="", name=self.name, limit=None, unit=self.unit)
        return Budget(id="", name=self.name, **{"models": ("*",), **self.changes(blank)})


class PreviewedBudget(NewBudget):
    """A budget that does not exist, and the time to look at."""

    from_: str | None = Field(
        default=None,
        alias="from",
        description="A date or an instant of ISO 8601, rounded down to a quarter of an hour; by default, this month.",
        examples=["2026-11-01"],
    )
    to: str | None = Field(default=None, description="The same, not included, rounded up.", examples=["2026-12-01"])


class NewPrice(_Body):
    """A price to set: US dollars per million tokens, and per request."""

    model: Pattern
    input: Rate = Field(description="Of prompt tokens.", examples=[2.5])
    output: Rate = Field(description="Of tokens of answer and reasoning.", examples=[10])
    cached_input: OptionalRate = Field(
        default=None, description="Of prompt tokens that came from a cache; null: as `input`.", examples=[1.25]
    )
    cache_write: OptionalRate = Field(
        default=None, description="Of prompt tokens that were written to a cache; null: as `input`.", examples=[None]
    )
    request: Rate = Field(
        default=Decimal(0),
        description="Of each request, whatever its tokens.",
        examples=[0],
        json_schema_extra={"default": 0},
    )

    def price(self) -> Price:
        """As the price book has it."""
        return Price(self.model, self.input, self.output, self.cached_input, self.cache_write, self.request)


class NewOwnLimit(_Body):
    """A limit to set for oneself; without a `limit` it is removed."""

    limit: Amount
    name: Name = "Own limit"
    unit: Unit = Field(default="tokens", description="What is counted.", examples=["usd"])
    period: OwnPeriod = Field(
        default="month", description="How long the limit lasts before it begins anew.", examples=["month"]
    )
    timezone: Timezone = "UTC"

    def own_limit(self) -> OwnLimit | None:
        """As the ledger has it. Raises ValueError for a limit that is not in its unit."""
        limit = _in_unit(self.limit, self.unit)
        return None if limit is None else OwnLimit(limit, self.unit, self.period, self.timezone, self.name)


class CostCenter(_Body):
    """Who pays for the members of a user group."""

    user_group: Id
    cost_center: Name


class CostCenters(_Body):
    """All of them; a user group that is not among them has none."""

    cost_centers: Annotated[list[CostCenter], Field(max_length=10_000)]


class ViewToSave(_Body):
    """What a page shows."""

    page: Page
    state: State
    shared: bool = Field(
        default=False,
        description="For all who read reports of everybody, who are the only ones that may share.",
        examples=[False],
    )


class Readers(_Body):
    """Which user groups of Open WebUI may read reports. What is left out may not."""

    of_everybody: ReaderGroups = []
    of_own_groups: ReaderGroups = []

    def stored(self) -> StoredReaders:
        """As the ledger has them."""
        return StoredReaders(tuple(self.of_everybody), tuple(self.of_own_groups))


Examples = Mapping[str, Mapping[str, Any]]
"""Bodies to try in /docs, by what they do."""

NEW_GROUPS: Examples = {
    "A monthly limit": {
        "value": {
            "name": "GPT",
            "models": ["gpt-4o*"],
            "limit": 1_000_000,
            "period": "month",
            "timezone": "Europe/Berlin",
        }
    },
    "Only counted": {"value": {"name": "Reasoning", "models": ["o1*", "o3*"]}},
}
GROUP_CHANGES: Examples = {
    "Another limit": {"value": {"limit": 2_000_000}},
    "No limit": {"value": {"limit": None}},
    "Other models": {"value": {"models": ["gpt-4o*", "gpt-5*"]}},
    "Another name": {"value": {"name": "Large models"}},
}
NEW_BUDGETS: Examples = {
    "Dollars for everyone": {"value": {"name": "All of us", "unit": "usd", "limit": 200, "period": "month"}},
    "Requests for each user": {
        "value": {
            "name": "Fair share",
            "scope": {"kind": "each_user"},
            "unit": "requests",
            "limit": 200,
            "period": "day",
        }
    },
    "A window that moves": {
        "value": {
            "name": "Steady",
            "scope": {"kind": "each_user"},
            "unit": "requests",
            "limit": 100,
            "period": "last 5 hours",
        }
    },
    "Ten dollars for each user, more for some": {
        "value": {
            "name": "Monthly allowance",
            "scope": {"kind": "each_user"},
            "unit": "usd",
            "limit": 10,
            "period": "month",
            "overrides": [
                {"user": "8f1c2b9a-6f1e-4c39-9f5e-3d1f2a7b6c5d", "limit": 50},
                {"user_group": "3d1f2a7b-6c5d-4c39-9f5e-8f1c2b9a6f1e", "limit": 30},
                {"role": "admin", "limit": 100},
            ],
        }
    },
}
PREVIEWED_BUDGETS: Examples = {
    name: {"value": {**example["value"], "from": "2026-11-01", "to": "2026-12-01"}}
    for name, example in NEW_BUDGETS.items()
}
BUDGET_CHANGES: Examples = {
    "Another limit": {"value": {"limit": 250}},
    "Only shown": {"value": {"action": "warn"}},
    "A smaller model at the limit": {"value": {"action": "fallback", "fallback_model": "gpt-4o-mini"}},
    "Slower from the limit on": {"value": {"action": "slow", "slow_up_to": 60}},
    "Less reasoning from 70 percent on": {"value": {"action": "effort", "effort_from": 70}},
    "In another unit": {"value": {"unit": "tokens", "limit": 5_000_000}},
}
NEW_PRICES: Examples = {
    "Per million tokens": {"value": {"model": "gpt-4o*", "input": 2.5, "output": 10, "cached_input": 1.25}},
    "Costs nothing": {"value": {"model": "llama3*", "input": 0, "output": 0}},
}
NEW_OWN_LIMITS: Examples = {
    "Ten dollars a month": {
        "value": {"limit": 10, "unit": "usd", "period": "month", "timezone": "Europe/Berlin"},
    },
    "100 requests a day": {"value": {"limit": 100, "unit": "requests", "period": "day"}},
}
COST_CENTERS: Examples = {
    "Two teams": {
        "value": {
            "cost_centers": [
                {"user_group": "3d1f2a7b", "cost_center": "4711"},
                {"user_group": "8f1c2b9a", "cost_center": "4712"},
            ]
        }
    },
    "None any more": {"value": {"cost_centers": []}},
}

READERS: Examples = {
    "Finance reads everybody's": {"value": {"of_everybody": ["Finance"]}},
    "Team leads read their teams'": {"value": {"of_own_groups": ["Team leads"]}},
    "Nobody but admins": {"value": {}},
}


def _in_unit(limit: Decimal | None, unit: Unit, field: str = "limit") -> int | None:
    if limit is None:
        return None
    if unit == "usd":
        if limit > MAX_DOLLARS:
            raise ValueError(f"{field}: must be at most {MAX_DOLLARS} US dollars (got {limit})")
        return nano_dollars(limit)
    if limit != limit.to_integral_value():
        raise ValueError(f"{field}: must be a whole number of {unit} (got {limit.normalize():f})")
    return int(limit)


VIEWS: Examples = {
    "For yourself": {"value": {"page": "overview", "state": "range=month&group=model"}},
    "For all readers": {"value": {"page": "overview", "state": "range=week&group=user&top=10", "shared": True}},
}
