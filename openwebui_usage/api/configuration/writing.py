"""The YAML file of all that is defined. Whatever is written is read back as the same."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from openwebui_usage.ledger.configuration import Configuration
from openwebui_usage.rules.budgets import Budget, Unit
from openwebui_usage.rules.differences import Fields, Sections
from openwebui_usage.rules.groups import Group
from openwebui_usage.rules.money import NANO
from openwebui_usage.rules.pricing import Price

_KEYS = {"groups": "name", "budgets": "name", "prices": "model", "cost_centers": "user_group"}
_HEAD = """\
# Usage groups, budgets, prices, cost centers and readers, as `GET /api/usage/config` exports them.
# `openwebui-usage config import FILE --dry-run` shows what would change.
"""


def write_configuration(configuration: Configuration) -> str:
    """A text for `read_configuration`."""
    import yaml

    sections = sections_of(configuration)
    document: dict[str, Any] = {
        section: [{key: name, **fields} for name, fields in sections[section].items()] for section, key in _KEYS.items()
    }
    document["readers"] = {field: value["user_groups"] for field, value in sections["readers"].items()}
    dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    body: str = yaml.dump(document, Dumper=dumper, sort_keys=False, allow_unicode=True, width=120)
    return _HEAD + body


def sections_of(configuration: Configuration) -> Sections:
    """All that is defined as JSON has it: fields by the name of each entry, by section."""
    readers = configuration.readers
    return {
        "groups": {name: _of_group(group) for name, group in configuration.groups.items()},
        "budgets": {name: _of_budget(budget) for name, budget in configuration.budgets.items()},
        "prices": {name: _of_price(price) for name, price in configuration.prices.items()},
        "cost_centers": {name: {"cost_center": center} for name, center in configuration.cost_centers.items()},
        "readers": {
            "of_everybody": {"user_groups": sorted(readers.of_everybody)},
            "of_own_groups": {"user_groups": sorted(readers.of_own_groups)},
        },
    }


def _of_group(group: Group) -> Fields:
    return {
        "models": list(group.models),
        "limit": group.limit,
        "period": group.period,
        "timezone": group.timezone,
        "action": group.action,
        "soft_limits": list(group.soft_limits),
        "counting": group.counting,
    }


def _of_budget(budget: Budget) -> Fields:
    scope = budget.scope
    counted: Mapping[str, Any] = {"models": list(budget.models)} if budget.group is None else {"group": budget.group}
    exceptions: dict[str, Any] = {}
    if budget.overrides:
        exceptions["overrides"] = [
            {override.kind: override.id, "limit": _in_unit(override.limit, budget.unit)}
            for override in budget.overrides
        ]
    if budget.overrides or budget.several_groups != "highest":
        exceptions["several_groups"] = budget.several_groups
    return {
        "scope": {"kind": scope.kind} if scope.id is None else {"kind": scope.kind, "id": scope.id},
        **counted,
        "unit": budget.unit,
        "limit": _in_unit(budget.limit, budget.unit),
        **exceptions,
        "period": budget.period,
        "timezone": budget.timezone,
        "action": budget.action,
        "soft_limits": list(budget.soft_limits),
        "counting": budget.counting,
        "free_models_exempt": budget.free_models_exempt,
        "fallback_model": budget.fallback_model,
        "slow_up_to": budget.slow_up_to,
        "effort_from": budget.effort_from,
        "strict": budget.strict,
        "cap_output": budget.cap_output,
        "carry_over": _of_carry_over(budget),
    }


def _of_carry_over(budget: Budget) -> Any:
    if isinstance(budget.carry_over, int) and budget.unit == "usd":
        return _number(Decimal(budget.carry_over) / NANO)
    return budget.carry_over


def _in_unit(limit: int | None, unit: Unit) -> int | float | str | None:
    return _number(Decimal(limit) / NANO) if limit is not None and unit == "usd" else limit


def _of_price(price: Price) -> Fields:
    return {
        name: _number(rate)
        for name in ("input", "output", "cached_input", "cache_write", "request")
        if (rate := getattr(price, name)) is not None
    }


def _number(value: Decimal) -> int | float | str:
    """A number where that is exact, else a text of it, which is read as one."""
    if value == value.to_integral_value():
        return int(value)
    return float(value) if Decimal(repr(float(value))) == value else f"{value.normalize():f}"
