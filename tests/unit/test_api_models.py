"""What the endpoints take, and that every refusal names the field, what was wrong and what would be right."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from openwebui_usage.api.answers.groups import UsageGroup
from openwebui_usage.api.fields import MAX_LIMIT, MAX_MODEL_ID, MAX_MODELS, MAX_NAME, MAX_SOFT_LIMITS
from openwebui_usage.api.requests import GroupChanges, NewBudget, NewGroup, NewPrice
from openwebui_usage.rules.groups import Group, GroupUsage, Sums

GROUP = {"name": "GPT", "models": ["gpt-4o*"]}
BUDGET = {"name": "All", "limit": 1000}
PRICE = {"model": "gpt-4o", "input": 2.5, "output": 10}


def complaints(schema: type[BaseModel], body: dict[str, Any]) -> list[tuple[str, str]]:
    with pytest.raises(ValidationError) as caught:
        schema.model_validate(body)
    return [(str(error["loc"][0]) if error["loc"] else "", error["msg"]) for error in caught.value.errors()]


ENTRY = f"entry 1 must be a model id or a glob of 1 to {MAX_MODEL_ID} characters"
TOKENS = f"must be a whole number of tokens, 0 to {MAX_LIMIT}, or null for no limit (got"
UNREADABLE = ["a/b", "a\\b", "a\nb", "a\x00b", "a\u202eb", "\ud800", ".", "..", "a\u200bb"]

REFUSED: list[tuple[type[BaseModel], str, str, list[Any]]] = [
    (NewGroup, "name", "must be a text", [None, 5, True, ["x"], {}]),
    (NewGroup, "name", f"must have 1 to {MAX_NAME} characters", ["", "   ", "x" * (MAX_NAME + 1)]),
    (NewGroup, "name", "must not contain slashes or control characters", UNREADABLE),
    (NewGroup, "models", "must be a list of model ids", [None, "gpt-4o", 5, {}, ("gpt-4o",)]),
    (NewGroup, "models", f"at most {MAX_MODELS} models (got {MAX_MODELS + 1})", [["x"] * (MAX_MODELS + 1)]),
    (NewGroup, "models", ENTRY, [["gpt-4o", entry] for entry in (None, 5, "", "  ", "a\nb", ["x"], "\x00")]),
    (NewGroup, "models", ENTRY, [["gpt-4o", "x" * (MAX_MODEL_ID + 1)]]),
    (NewGroup, "limit", TOKENS, [-1, 1.5, 5.0, "100", True, False, [], {}, math.nan, math.inf]),
    (NewGroup, "limit", TOKENS, [MAX_LIMIT + 1, 10**4000]),
    (NewGroup, "counting", "'documented' or 'billed'", ["", "Billed", 5, []]),
    (NewGroup, "period", "'total', 'hour', 'day', 'week', 'month', 'quarter' or 'year'", [None, "decade", 1]),
    (NewGroup, "timezone", "must be a time zone's name", [None, "", "Mars/Olympus", "../etc", 1]),
    (NewGroup, "action", "'block' or 'warn'", [None, "stop"]),
    (NewGroup, "soft_limits", "must be a list of at most", [None, 80, "80", [1] * (MAX_SOFT_LIMITS + 1)]),
    (NewGroup, "soft_limits", "must be whole percentages, 1 to 99", [[0], [100], [80.0], ["80"], [True], [None]]),
    (NewGroup, "owner", "not permitted", ["me"]),
    (GroupChanges, "models", "must be a list of model ids", ["gpt-4o", None]),
    (GroupChanges, "limit", TOKENS, ["all", -1]),
    (GroupChanges, "counting", "'documented' or 'billed'", [None]),
    (GroupChanges, "usage", "not permitted", ["GPT"]),
    (NewBudget, "limit", "must be a number, 0 to", [-1, "x", True, [], math.nan, "NaN", "Infinity"]),
    (NewBudget, "scope", "needs the id of a user", [{"kind": "user"}]),
    (NewBudget, "scope", "takes no id", [{"kind": "everyone", "id": "u1"}]),
    (NewBudget, "models", ENTRY, [["a", ""]]),
    (NewPrice, "input", "must be a number, 0 to", [-1, "free", True, [], math.inf]),
    (NewPrice, "model", "must be a model id or a glob", [None, "", 5, "a\nb"]),
]


@pytest.mark.parametrize(
    ("schema", "field", "value", "says"),
    [(schema, field, value, says) for schema, field, says, values in REFUSED for value in values],
)
def test_a_refusal_names_the_field_and_what_would_be_right(
    schema: type[BaseModel], field: str, value: Any, says: str
) -> None:
    valid: dict[type[BaseModel], dict[str, Any]] = {NewGroup: GROUP, NewBudget: BUDGET, NewPrice: PRICE}
    schema.model_validate(valid.get(schema, {}))
    ((named, message),) = complaints(schema, {**valid.get(schema, {}), field: value})
    assert named == field
    assert says in message
    assert len(message) < 300


@pytest.mark.parametrize(
    ("schema", "missing"),
    [(NewGroup, ["name", "models"]), (NewBudget, ["limit", "name"]), (NewPrice, ["model", "input", "output"])],
)
def test_what_is_missing_is_named(schema: type[BaseModel], missing: list[str]) -> None:
    assert sorted(complaints(schema, {})) == sorted((field, "Field required") for field in missing)


def test_all_that_is_wrong_is_told_at_once() -> None:
    wrong = complaints(NewGroup, {"name": "", "models": 5, "limit": -1, "extra": 1})
    assert {field for field, _ in wrong} == {"name", "models", "limit", "extra"}


@pytest.mark.parametrize("limit", [None, 0, 1, MAX_LIMIT])
def test_a_limit_is_a_whole_number_or_none(limit: int | None) -> None:
    assert NewGroup.model_validate({**GROUP, "limit": limit}).limit == limit
    assert GroupChanges.model_validate({"limit": limit}).model_fields_set == {"limit"}


@pytest.mark.parametrize("name", ["GPT", "  padded  ", "日本語", "with space", "a.b", "🙂", "x" * MAX_NAME, "50% off?"])
def test_a_name_may_be_any_readable_text(name: str) -> None:
    assert NewGroup.model_validate({**GROUP, "name": name}).name == name.strip()


def test_models_are_trimmed_and_kept_once_in_their_order() -> None:
    assert NewGroup.model_validate({**GROUP, "models": [" b ", "a", "b", "a*"]}).models == ["b", "a", "a*"]
    assert NewGroup.model_validate({**GROUP, "models": []}).models == []


def test_soft_limits_are_sorted_and_kept_once() -> None:
    assert NewGroup.model_validate({**GROUP, "soft_limits": [95, 80, 95]}).soft_limits == [80, 95]


def test_a_field_that_is_left_out_is_no_change() -> None:
    assert GroupChanges.model_validate({}).model_fields_set == set()


def test_a_group_without_more_is_as_documented() -> None:
    group = NewGroup.model_validate(GROUP)
    assert (group.limit, group.period, group.counting) == (None, "total", None)


@pytest.mark.parametrize("amount", [0, 5, 0.25, "0.25", Decimal("0.25"), 10**9])
def test_an_amount_is_any_number(amount: Any) -> None:
    assert NewBudget.model_validate({**BUDGET, "limit": amount}).limit == Decimal(str(amount))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.parametrize("schema", [NewGroup, GroupChanges, NewBudget, NewPrice])
@given(data=st.data())
def test_nonsense_is_refused_and_never_a_fault(schema: type[BaseModel], data: st.DataObject) -> None:
    body = {field: data.draw(json_values) for field in (*schema.model_fields, "extra")}
    named = {field for field, _ in complaints(schema, body)}
    assert named <= {*body, ""}
    assert "extra" in named


@pytest.mark.parametrize(("counting", "out", "total"), [("documented", 550, 650), ("billed", 300, 400)])
def test_a_group_is_shown_as_documented(counting: Any, out: int, total: int) -> None:
    sums = Sums(calls=2, estimated_calls=1, input=100, cached_input=40, completion=300, reasoning=250, output=300)
    answer = UsageGroup.of(GroupUsage(Group("1", "GPT", ("gpt-4o*",), 1000, counting), sums))
    shown = answer.model_dump(by_alias=True)
    assert shown["models"] == ["gpt-4o*"]
    assert shown["limit"] == 1000
    assert {name: shown["usage"][name] for name in ("in", "out", "total")} == {"in": 100, "out": out, "total": total}
    assert shown["usage"]["billed"] == 400
    assert json.loads(answer.model_dump_json(by_alias=True)) == shown
