"""Nobody is told of a model that they cannot use."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from openwebui_usage.api.visibility import Visibility
from openwebui_usage.rules.budgets import Budget, Counter, Scope
from openwebui_usage.rules.groups import Group, GroupUsage, Sums
from openwebui_usage.rules.periods import period_at

MINE = Visibility([("gpt-4o-mini", None), ("helper", "o3-secret"), ("team/gpt-4o", None)])
ALL = Visibility(None)


@pytest.mark.parametrize(
    ("patterns", "mine"),
    [
        (["gpt-4o-mini"], ["gpt-4o-mini"]),
        (["gpt-4o", "gpt-4o-mini", "o1"], ["gpt-4o-mini"]),
        (["gpt-4o*"], ["gpt-4o-mini"]),
        (["*gpt-4o*", "gpt-4o-mini"], ["gpt-4o-mini", "team/gpt-4o"]),
        (["o3-secret"], ["helper"]),
        (["o3*"], ["helper"]),
        (["*"], ["*"]),
        (["o1", "o?"], []),
        ([], []),
    ],
)
def test_models_are_told_by_the_ids_that_one_can_use(patterns: list[str], mine: list[str]) -> None:
    group = Group("1", "G", tuple(patterns))
    assert MINE.own_models(patterns) == mine
    assert MINE.sees(group) is bool(mine)
    assert ALL.own_models(patterns) == patterns
    assert ALL.sees(group)


def test_groups_and_budgets_are_told_so() -> None:
    groups = [Group("1", "mine", ("o3*", "gpt-4o-mini")), Group("2", "theirs", ("o1",))]
    entries = [GroupUsage(group, Sums(calls=1)) for group in groups]
    assert {name: shown.models for name, shown in MINE.groups(entries)} == {"mine": ["helper", "gpt-4o-mini"]}
    assert [name for name, _ in ALL.groups(entries)] == ["mine", "theirs"]

    total = period_at("total", "UTC", datetime.now(UTC))
    budgets = [
        Budget("a", "by models", 5, models=("o3*",)),
        Budget("b", "of a group", 5, group="mine", group_id="1", scope=Scope("each_user")),
        Budget("c", "of their group", 5, group="theirs", group_id="2"),
        Budget("d", "of their models", 5, models=("o1",)),
        Budget("e", "of a group that is gone", 5, group="gone", group_id="9"),
    ]
    found = [(Counter(budget, budget.id, total), Sums()) for budget in budgets]
    by_id = {group.id: group for group in groups}
    assert [(shown.name, shown.models, shown.group) for shown in MINE.budgets(found, by_id)] == [
        ("by models", ["helper"], None),
        ("of a group", None, "mine"),
    ]
    assert [shown.name for shown in ALL.budgets(found, by_id)] == [budget.name for budget in budgets[:4]]
