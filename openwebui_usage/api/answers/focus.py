"""What user groups are charged, as FOCUS 1.2 has it (https://focus.finops.org/focus-specification/v1-2/)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from pydantic import BaseModel, Field

from openwebui_usage.ledger.cubes import QUARTER
from openwebui_usage.ledger.focus import Charge
from openwebui_usage.rules.json_values import iso_utc
from openwebui_usage.rules.money import NANO, dollars

_NAME = "Open WebUI"
_DAY = 96
"""Quarters of an hour."""

FOCUS_COLUMNS: Mapping[str, type] = {
    "BilledCost": float,
    "BillingAccountId": str,
    "BillingAccountName": str,
    "BillingCurrency": str,
    "BillingPeriodEnd": str,
    "BillingPeriodStart": str,
    "ChargeCategory": str,
    "ChargeClass": str,
    "ChargeDescription": str,
    "ChargeFrequency": str,
    "ChargePeriodEnd": str,
    "ChargePeriodStart": str,
    "ConsumedQuantity": float,
    "ConsumedUnit": str,
    "ContractedCost": float,
    "ContractedUnitPrice": float,
    "EffectiveCost": float,
    "InvoiceIssuerName": str,
    "ListCost": float,
    "ListUnitPrice": float,
    "PricingCategory": str,
    "PricingQuantity": float,
    "PricingUnit": str,
    "ProviderName": str,
    "PublisherName": str,
    "ResourceId": str,
    "ResourceName": str,
    "ResourceType": str,
    "ServiceCategory": str,
    "ServiceName": str,
    "ServiceSubcategory": str,
    "SkuId": str,
    "SkuMeter": str,
    "SkuPriceId": str,
    "SubAccountId": str,
    "SubAccountName": str,
    "Tags": str,
    "x_Calls": int,
    "x_CostCenter": str,
}
"""Its 21 mandatory columns, those that a charge by usage has beside them, and ours."""


class UsageCostCenter(BaseModel):
    """Who pays for the members of a user group."""

    user_group: str = Field(description="The group's id.", examples=["3d1f2a7b"])
    cost_center: str = Field(examples=["4711"])


class UsageCostCenters(BaseModel):
    """All that are set."""

    cost_centers: list[UsageCostCenter]

    @classmethod
    def of(cls, cost_centers: Mapping[str, str]) -> UsageCostCenters:
        """By the ids of user groups."""
        return cls(
            cost_centers=[
                UsageCostCenter(user_group=id_, cost_center=center) for id_, center in sorted(cost_centers.items())
            ]
        )


class _Meter(NamedTuple):
    id: str
    name: str
    unit: str
    quantity: int
    nano: int


def focus_table(charges: Iterable[Charge], start: int, end: int) -> Iterator[tuple[Any, ...]]:
    """The rows for `FOCUS_COLUMNS`: one for each charge and type of token. The month is from `start` to `end`, in
    quarters of an hour.
    """
    period = {"BillingPeriodStart": _iso(start), "BillingPeriodEnd": _iso(end)}
    for charge in charges:
        for meter in _meters(charge):
            if meter.quantity or meter.nano:
                row = {**_SAME, **period, **_of(charge, meter)}
                yield tuple(row[name] for name in FOCUS_COLUMNS)


_SAME: Mapping[str, Any] = {
    "BillingAccountId": "open-webui",
    "BillingAccountName": _NAME,
    "BillingCurrency": "USD",
    "ChargeCategory": "Usage",
    "ChargeFrequency": "Usage-Based",
    "InvoiceIssuerName": _NAME,
    "PricingCategory": "Standard",
    "ProviderName": _NAME,
    "PublisherName": _NAME,
    "ResourceType": "Model",
    "ServiceCategory": "AI and Machine Learning",
    "ServiceName": "Language models",
    "ServiceSubcategory": "Generative AI",
}


def _of(charge: Charge, meter: _Meter) -> dict[str, Any]:
    cost = dollars(meter.nano)
    # What a token cost on average that day: prices may change, and differ between connections.
    price = float(Decimal(meter.nano) / meter.quantity / NANO) if meter.quantity else None
    charged = charge.charged
    return {
        **dict.fromkeys(("BilledCost", "ContractedCost", "EffectiveCost", "ListCost"), cost),
        **dict.fromkeys(("ContractedUnitPrice", "ListUnitPrice"), price),
        **dict.fromkeys(("ConsumedQuantity", "PricingQuantity"), meter.quantity),
        **dict.fromkeys(("ConsumedUnit", "PricingUnit"), meter.unit),
        **dict.fromkeys(("ResourceId", "ResourceName", "SkuId"), charge.model),
        "ChargeClass": "Correction" if charge.correction else None,
        "ChargeDescription": f"{meter.name} of {charge.model}"
        + (f", correction {charge.correction}" if charge.correction else ""),
        "ChargePeriodStart": _iso(charge.day),
        "ChargePeriodEnd": _iso(charge.day + _DAY),
        "SkuMeter": meter.name,
        "SkuPriceId": f"{charge.model}/{meter.id}",
        "SubAccountId": charged.group_id,
        "SubAccountName": charged.group_name,
        "Tags": json.dumps({} if charged.cost_center is None else {"cost_center": charged.cost_center}),
        "x_Calls": charge.calls,
        "x_CostCenter": charged.cost_center,
    }


def _meters(charge: Charge) -> tuple[_Meter, ...]:
    """What adds up to the cost: the types of tokens, and what a price asks per request or a provider told only as a
    sum.
    """
    parts = charge.cost_input, charge.cost_cached, charge.cost_cache_write, charge.cost_output
    uncached = charge.input - charge.cached_input - charge.cache_write
    rest = charge.cost_nano - sum(parts)
    return (
        _Meter("input", "Input tokens", "Tokens", uncached, parts[0]),
        _Meter("cached", "Cached input tokens", "Tokens", charge.cached_input, parts[1]),
        _Meter("cache_write", "Cache write tokens", "Tokens", charge.cache_write, parts[2]),
        _Meter("output", "Output tokens", "Tokens", charge.output, parts[3]),
        _Meter("request", "Requests", "Requests", charge.calls if rest else 0, rest),
    )


def _iso(quarter: int) -> str:
    return iso_utc(datetime.fromtimestamp(quarter * QUARTER, UTC)) or ""
