"""Exceptions from a budget's limit: which one wins."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openwebui_usage.rules.budgets import Budget, Scope, Subject, decide, subject_of
from openwebui_usage.rules.overrides import KINDS, Override, SeveralGroups, override_for, overrides_from

ALLOWANCE = Budget(
    "b",
    "Monthly allowance",
    10,
    scope=Scope("each_user"),
    overrides=(
        Override("user", "ann", 50),
        Override("user_group", "research", 30),
        Override("user_group", "interns", 2),
        Override("role", "admin", None),
    ),
)

NAMES = st.sampled_from(["a", "b", "c"])
OVERRIDES = st.lists(st.builds(Override, st.sampled_from(KINDS), NAMES, st.none() | st.integers(0, 5)), max_size=8).map(
    tuple
)
CALLERS = st.builds(Subject, st.none() | NAMES, st.frozensets(NAMES), st.none() | NAMES)
SEVERAL = st.sampled_from(["highest", "lowest"])


@pytest.mark.parametrize(
    ("caller", "limit"),
    [
        (Subject("bob"), 10),
        (Subject("bob", role="user"), 10),
        (Subject("ann"), 50),
        (Subject("ann", frozenset(["interns"]), "admin"), 50),
        (Subject("ray", frozenset(["research"])), 30),
        (Subject("ida", frozenset(["interns"])), 2),
        (Subject("ira", frozenset(["interns", "research"])), 30),
        (Subject("ada", role="admin"), None),
        (Subject("adi", frozenset(["research"]), "admin"), 30),
    ],
)
def test_everyone_10_one_colleague_50_research_30_interns_2_admins_none(caller: Subject, limit: int | None) -> None:
    assert ALLOWANCE.for_caller(caller).limit == limit


def test_a_budget_may_say_that_the_lowest_of_the_groups_holds() -> None:
    strict = replace(ALLOWANCE, several_groups="lowest")
    assert strict.for_caller(Subject("ira", frozenset(["interns", "research"]))).limit == 2


def test_no_limit_is_higher_than_any_limit() -> None:
    overrides = (Override("user_group", "a", 10**15), Override("user_group", "b", None))
    caller = Subject("ann", frozenset(["a", "b"]))
    assert override_for(overrides, caller, "highest") == overrides[1]
    assert override_for(overrides, caller, "lowest") == overrides[0]


@given(OVERRIDES, CALLERS, SEVERAL)
def test_the_most_specific_one_wins(overrides: tuple[Override, ...], caller: Subject, several: SeveralGroups) -> None:
    found = override_for(overrides, caller, several)
    fitting = [override for override in overrides if override.binds(caller)]
    if found is None:
        assert not fitting
        return
    assert found in fitting
    assert all(KINDS.index(found.kind) <= KINDS.index(other.kind) for other in fitting)
    if found.kind == "user_group":
        firsts = [
            override
            for place, override in enumerate(fitting)
            if override.kind == "user_group"
            and override.id not in {earlier.id for earlier in fitting[:place] if earlier.kind == "user_group"}
        ]
        limits = [float("inf") if override.limit is None else override.limit for override in firsts]
        mine = float("inf") if found.limit is None else found.limit
        assert mine == (max(limits) if several == "highest" else min(limits))
    else:
        assert found is next(override for override in fitting if override.kind == found.kind)


@given(OVERRIDES, CALLERS, SEVERAL, st.none() | st.integers(0, 5), st.integers(0, 6))
def test_an_exception_changes_the_limit_and_nothing_else(
    overrides: tuple[Override, ...], caller: Subject, several: SeveralGroups, limit: int | None, used: int
) -> None:
    budget = Budget("b", "b", limit, scope=Scope("each_user"), overrides=overrides, several_groups=several)
    mine = budget.for_caller(caller)
    assert replace(mine, limit=limit, override=None) == budget
    assert subject_of(mine, caller) == subject_of(budget, caller)
    if mine.limit is not None:
        assert budget.least_limit is not None
        assert budget.least_limit <= mine.limit
        if used < budget.least_limit:
            assert decide(mine.limit, used, 0), "whoever is below the lowest limit is below every limit"


@given(OVERRIDES)
def test_what_is_stored_is_read_back_as_the_same(overrides: tuple[Override, ...]) -> None:
    assert overrides_from([override.to_json() for override in overrides]) == overrides


def test_a_role_binds_those_who_have_it() -> None:
    admins, each = Scope("role", "admin"), Scope("each_user_of_role", "admin")
    for scope in (admins, each):
        assert scope.binds(Subject("ada", role="admin"))
        assert not scope.binds(Subject("uma", role="user"))
        assert not scope.binds(Subject("uma"))
        assert not scope.binds(Subject(None, role="admin")), "nobody knows who that is"
    assert admins.is_shared
    assert not each.is_shared
