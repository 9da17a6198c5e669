"""Looked up or walked through, definitions say the same: the indexes are only quicker."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from openwebui_usage.ledger.definitions import Definitions
from openwebui_usage.rules.budgets import Budget, Scope, Subject
from openwebui_usage.rules.groups import Group, matches
from openwebui_usage.rules.overrides import Override, Overrides, override_for
from openwebui_usage.rules.pattern_index import PatternIndex
from openwebui_usage.rules.periods import MINUTE

patterns = st.text(alphabet="ab/*?[", max_size=5)
ids = st.text(alphabet="ab/*?[", max_size=5)
names = st.sampled_from(["a", "b", "c"])
callers = st.builds(
    Subject, st.none() | names, st.frozensets(names), st.none() | st.sampled_from(["user", "admin", "a"])
)
SCOPES = ("everyone", "each_user", "user", "group", "each_user_of_group", "role", "each_user_of_role")


@st.composite
def definitions(draw: st.DrawFn) -> Definitions:
    groups = [
        Group(f"group-{number}", f"Group {number}", tuple(draw(st.lists(patterns, max_size=3))), 1)
        for number in range(draw(st.integers(0, 5)))
    ]
    budgets = []
    for number in range(draw(st.integers(0, 8))):
        kind = draw(st.sampled_from(SCOPES))
        scope = Scope(kind, None if kind in ("everyone", "each_user") else draw(names))
        budget = Budget(f"budget-{number}", f"Budget {number}", 1, scope=scope)
        budget = replace(budget, models=tuple(draw(st.lists(patterns, max_size=3))))
        if draw(st.booleans()):
            budget = replace(budget, group="G", group_id=draw(st.sampled_from(["group-0", "group-3", "none"])))
        if draw(st.booleans()):
            budget = replace(budget, period=MINUTE)
        budgets.append(budget)
    recounts = (Budget("recount", "Recount", 1, models=("a*",)),)
    return Definitions(tuple(groups), tuple(budgets), recounts=recounts)


@given(st.lists(st.lists(patterns, max_size=3), max_size=8), st.lists(ids, min_size=1, max_size=2))
def test_an_index_finds_the_patterns_that_match(lists: list[list[str]], model_ids: list[str]) -> None:
    walked = [
        position
        for position, each in enumerate(lists)
        if any(matches(pattern, model_id) for pattern in each for model_id in model_ids)
    ]
    assert PatternIndex(lists).find(model_ids) == walked


@given(definitions(), st.lists(ids, min_size=1, max_size=2).map(tuple), callers)
def test_a_call_is_counted_by_the_budgets_that_cover_and_bind_it(
    all_: Definitions, model_ids: tuple[str, ...], caller: Subject
) -> None:
    groups = [group for group in all_.groups if group.holds(model_ids)]
    fitting = [
        budget.id for budget in all_.budgets if budget.covers(model_ids, all_.groups) and budget.scope.binds(caller)
    ]
    of_a_minute = {budget.id for budget in all_.rates}
    recounts = ["recount"] if any(matches("a*", model_id) for model_id in model_ids) else []
    counters = all_.counters(model_ids, caller, datetime.now(UTC))
    assert list(all_.matching(model_ids).groups) == groups
    assert [counter.budget.id for counter in counters] == [
        *(group.id for group in groups),
        *(id_ for id_ in fitting if id_ not in of_a_minute),
        *recounts,
    ]
    assert [budget.id for budget in all_.rates_for(model_ids, caller)] == [id_ for id_ in fitting if id_ in of_a_minute]


overrides = st.builds(Override, st.sampled_from(["user", "user_group", "role"]), names, st.none() | st.integers(0, 3))


@given(st.lists(overrides, max_size=8), callers, st.sampled_from(["highest", "lowest"]))
def test_the_exception_that_holds_is_the_same(found: list[Override], caller: Subject, several: str) -> None:
    assert override_for(Overrides(found), caller, several) is override_for(found, caller, several)  # type: ignore[arg-type]
