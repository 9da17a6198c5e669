"""What user groups are charged: all that calls cost, once; of months that are over always the same."""

# ruff: noqa: F811 - fixtures

from __future__ import annotations

import csv
import io
import json
import os
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine, func, select

from openwebui_usage.api.answers.focus import FOCUS_COLUMNS, focus_table
from openwebui_usage.api.exports import encode
from openwebui_usage.api.routes.focus import month_of
from openwebui_usage.ledger import CallRow, Store
from openwebui_usage.ledger.focus import Charge
from openwebui_usage.ledger.folding import Folding
from openwebui_usage.ledger.schema import usage_call
from openwebui_usage.rules.chargeback import Charged, charged_group
from openwebui_usage.rules.pricing import Price
from openwebui_usage.rules.tokens import TokenUsage
from tests.support.recorder import call_row
from tests.unit.test_ledger import NewEngine, engine, new_engine, store, url  # noqa: F401 - fixtures

FIRST = datetime(2026, 10, 1, tzinfo=UTC).timestamp()
START, END = month_of("2026-10")
DAY = 86_400.0
DURING, AFTER = FIRST + 20 * DAY, FIRST + 40 * DAY
GROUPS = {"g1": "Sales", "g2": "Research", "g3": "Admins"}


def a_row(day: float, *groups: str, model: str = "gpt-4o", **others: Any) -> CallRow:
    at = FIRST + day * DAY
    tokens = TokenUsage(input=1000, cached_input=200, cache_write=100, completion=50, reasoning=20, output=50)
    return call_row(
        model,
        id=f"{round(at * 1e9):016x}{os.urandom(8).hex()}",
        started_at=at,
        usage=tokens,
        user_groups=groups,
        user_group_names=tuple(GROUPS[group] for group in groups),
        **others,
    )


@pytest.fixture
def charged(store: Store) -> Store:
    million = Decimal(10) ** 6
    store.put_price(Price("*", Decimal(2), Decimal(10), Decimal(1), Decimal(3), request=Decimal(1) / million))
    return store


def charges(store: Store, now: float) -> list[Charge]:
    return list(store.focus.charges(START, END, now))


def table(found: Iterable[Charge]) -> list[dict[str, str]]:
    text = b"".join(encode(FOCUS_COLUMNS, focus_table(found, START, END), "csv")).decode()
    return list(csv.DictReader(io.StringIO(text, newline="")))


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        ((), Charged("none", "none")),
        (("g1", "g2"), Charged("g2", "Research")),
        (("g1", "g2", "g3"), Charged("g1", "Sales", "4711")),
        (("g3",), Charged("g3", "Admins")),
    ],
)
def test_one_group_is_charged_by_a_rule(groups: tuple[str, ...], expected: Charged) -> None:
    named = [(group, GROUPS[group]) for group in groups]
    centers = {"g1": "4711"} if "g3" in groups else {}
    assert charged_group(named, centers) == charged_group(named[::-1], centers) == expected


class TestFocus:
    """On every database."""

    def test_charges_come_to_what_the_calls_cost(self, charged: Store, engine: Engine) -> None:
        rows = [a_row(number % 30 + number / 100, *list(GROUPS)[: number % 4]) for number in range(60)]
        outside = [a_row(-0.001, "g1"), a_row(31, "g1"), a_row(3, "g1", unverified=True)]
        charged.record(rows + outside)
        Folding(engine, None).step(FIRST + 15 * DAY)
        with engine.connect() as connection:
            is_in = usage_call.c.id.in_([row.id for row in rows])
            cost, tokens = connection.execute(
                select(func.sum(usage_call.c.cost_nano), func.sum(usage_call.c.input + usage_call.c.output)).where(
                    is_in
                )
            ).one()
        for now in (DURING, AFTER, AFTER):
            found = charges(charged, now)
            assert sum(charge.cost_nano for charge in found) == cost
            assert sum(charge.calls for charge in found) == 60
            read = table(found)
            assert sum(round(Decimal(row["BilledCost"]) * 10**9) for row in read) == cost
            assert sum(int(row["PricingQuantity"]) for row in read if row["PricingUnit"] == "Tokens") == tokens
            keys = ("ChargePeriodStart", "SubAccountId", "ResourceId", "SkuPriceId")
            assert max(Counter(tuple(row[key] for key in keys) for row in read).values()) == 1

    def test_an_open_month_follows_its_calls(self, charged: Store) -> None:
        charged.record([a_row(1, "g1")])
        charged.focus.put_cost_centers({"g1": "4711"})
        assert [charge.charged for charge in charges(charged, DURING)] == [Charged("g1", "Sales", "4711")]
        charged.focus.put_cost_centers({})
        charged.record([a_row(1, "g1")])
        [charge] = charges(charged, DURING)
        assert (charge.charged.cost_center, charge.calls, charge.correction) == (None, 2, 0)

    def test_a_closed_month_stays_as_it_was_told(self, charged: Store) -> None:
        charged.record([a_row(1, "g1", "g2"), a_row(2, "g2")])
        charged.focus.put_cost_centers({"g1": "4711"})
        first = charges(charged, AFTER)
        assert [charge.charged.cost_center for charge in first] == ["4711", None]
        charged.focus.put_cost_centers({"g2": "4712"})
        assert charges(charged, AFTER) == first
        charged.record([a_row(1.1, "g1", "g2"), a_row(1.2, "g3")])
        second = charges(charged, AFTER)
        assert [charge for charge in second if not charge.correction] == first
        corrections = [charge for charge in second if charge.correction]
        assert [(charge.correction, charge.charged, charge.calls) for charge in corrections] == [
            (1, Charged("g3", "Admins"), 1),
            (1, Charged("g1", "Sales", "4711"), 1),  # As the calls before it.
        ]
        assert charges(charged, AFTER) == second
        charged.record([a_row(1.3, "g3")])
        assert [charge.correction for charge in charges(charged, AFTER)] == [0, 1, 1, 2, 0]

    def test_two_workers_keep_a_month_once(self, charged: Store, new_engine: NewEngine) -> None:
        from tests.unit.test_ledger import in_threads

        charged.record([a_row(day, "g1") for day in range(10)])
        found: list[list[Charge]] = []
        stores = [Store(new_engine()) for _ in range(3)]
        in_threads(3, lambda number: found.append(charges(stores[number], AFTER)))
        assert found[0] == found[1] == found[2] == charges(charged, AFTER)
        assert sum(charge.calls for charge in found[0]) == 10


MANDATORY = {
    "BilledCost": r"-?\d+(\.\d+)?",
    "BillingAccountId": ".+",
    "BillingAccountName": ".*",
    "BillingCurrency": "USD",
    "BillingPeriodStart": "2026-10-01T00:00:00Z",
    "BillingPeriodEnd": "2026-11-01T00:00:00Z",
    "ChargeCategory": "Usage",
    "ChargeClass": "|Correction",
    "ChargeDescription": ".+",
    "ChargePeriodStart": r"2026-10-\d\dT00:00:00Z",
    "ChargePeriodEnd": r"2026-1[01]-\d\dT00:00:00Z",
    "ContractedCost": r"-?\d+(\.\d+)?",
    "EffectiveCost": r"-?\d+(\.\d+)?",
    "InvoiceIssuerName": ".+",
    "ListCost": r"-?\d+(\.\d+)?",
    "PricingQuantity": r"-?\d+(\.\d+)?",
    "PricingUnit": "Tokens|Requests",
    "ProviderName": ".+",
    "PublisherName": ".+",
    "ServiceCategory": "AI and Machine Learning",
    "ServiceName": ".+",
}
"""FOCUS 1.2's mandatory columns and what may be in them (https://focus.finops.org/focus-specification/v1-2/)."""


def test_the_file_keeps_the_rules_of_focus(charged: Store) -> None:
    import re

    charged.focus.put_cost_centers({"g1": "4711"})
    charged.record([a_row(0, "g1"), a_row(30.9, "g2", model="=o3"), a_row(5)])
    charges(charged, AFTER)
    charged.record([a_row(1, "g1")])
    charged.record([a_row(0, "g1")])
    rows = table(charges(charged, AFTER))
    assert len(rows) == 5 * 5
    for row in rows:
        for name, pattern in MANDATORY.items():
            assert re.fullmatch(pattern, row[name]), (name, row[name])
        assert row["ChargePeriodStart"] < row["ChargePeriodEnd"]
        assert row["ConsumedQuantity"] == row["PricingQuantity"]
        assert row["ConsumedUnit"] == row["PricingUnit"]
        cost = Decimal(row["ListUnitPrice"]) * Decimal(row["PricingQuantity"])
        assert abs(cost - Decimal(row["ListCost"])) < Decimal("1e-9")
        assert json.loads(row["Tags"]) == ({"cost_center": "4711"} if row["SubAccountId"] == "g1" else {})
        assert all(name in FOCUS_COLUMNS and re.fullmatch("[A-Z][A-Za-z]+|x_[A-Z][A-Za-z]+", name) for name in row)
    assert {row["SubAccountName"] for row in rows} == {"Sales", "Research", "none"}
    assert sum(row["ChargeClass"] == "Correction" for row in rows) == 5
    assert {row["SkuMeter"] for row in rows} == {
        "Input tokens",
        "Cached input tokens",
        "Cache write tokens",
        "Output tokens",
        "Requests",
    }
