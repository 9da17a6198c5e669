"""Whatever can be defined is exported, and read back as the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from sqlalchemy import create_engine
from typer.testing import CliRunner, Result

from openwebui_usage.api.configuration import NotValid, read_configuration, sections_of, write_configuration
from openwebui_usage.api.configuration.document import parse
from openwebui_usage.api.configuration.reading import group_of
from openwebui_usage.api.requests import CostCenter, NewBudget, NewGroup, NewPrice, Readers
from openwebui_usage.cli import app
from openwebui_usage.ledger import Store
from openwebui_usage.ledger.configuration import Configuration, WantedConfiguration
from openwebui_usage.rules.budgets import Budget
from openwebui_usage.rules.credits import Credit
from openwebui_usage.rules.differences import differences
from tests.support.tables import give_tables

_TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12) | st.sampled_from(
    [
        "no",
        "1",
        "1e3",
        "~",
        "2026-11-01",
        "12:30:00",
        "- a",
        "a: b",
        "#",
        "'",
        '"',
        "null",
        " x",
        "<<",
        "é漢🙂",
        "!!int 1",
    ]
)
_SOFT = st.lists(st.integers(1, 99), max_size=3)
_SHARED = {
    "period": st.sampled_from(["total", "day", "week", "month"]),
    "timezone": st.sampled_from(["UTC", "Europe/Berlin"]),
    "action": st.sampled_from(["block", "warn"]),
    "soft_limits": _SOFT,
    "counting": st.sampled_from(["documented", "billed"]),
}
_GROUPS = st.fixed_dictionaries(
    {"name": _TEXT, "models": st.lists(_TEXT, max_size=3), "limit": st.none() | st.integers(0, 10**15), **_SHARED}
)
_SCOPES = st.sampled_from(["everyone", "each_user"]).map(lambda kind: {"kind": kind}) | st.builds(
    lambda kind, id_: {"kind": kind, "id": id_}, st.sampled_from(["user", "group", "each_user_of_group"]), _TEXT
)
_DOLLARS = st.decimals(0, 10**6, allow_nan=False, places=12).map(str)
_BUDGETS = st.fixed_dictionaries(
    {
        "name": _TEXT,
        "scope": _SCOPES,
        "models": st.lists(_TEXT, max_size=3),
        "free_models_exempt": st.booleans(),
        **_SHARED,
    }
)
_LIMITS = st.sampled_from(["tokens", "requests"]).flatmap(
    lambda unit: st.builds(lambda limit: {"unit": unit, "limit": limit}, st.none() | st.integers(0, 10**15))
) | st.decimals(0, 10**9, allow_nan=False, places=9).map(lambda limit: {"unit": "usd", "limit": str(limit)})
_PRICES = st.fixed_dictionaries(
    {"model": _TEXT, "input": _DOLLARS, "output": _DOLLARS, "request": _DOLLARS},
    optional={"cached_input": _DOLLARS, "cache_write": _DOLLARS},
)
_CENTERS = st.fixed_dictionaries({"user_group": _TEXT, "cost_center": _TEXT})
_READERS = st.fixed_dictionaries(
    {"of_everybody": st.lists(_TEXT, max_size=3), "of_own_groups": st.lists(_TEXT, max_size=3)}
)


def valid(body: Any, forms: list[dict[str, Any]]) -> Iterator[Any]:
    """Those that the API would take."""
    for form in forms:
        try:
            yield body.model_validate(form)
        except ValidationError:
            continue


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    engine = create_engine(f"sqlite:///{tmp_path_factory.mktemp('usage')}/usage.db")
    store = Store(engine)
    give_tables(engine)
    yield store
    engine.dispose()


def wanted(data: dict[str, Any]) -> WantedConfiguration:
    text = write_configuration(_configuration(data))
    return read_configuration(text, "documented", prune=True)


def _configuration(data: dict[str, Any]) -> Configuration:
    groups = {form.name: form for form in valid(NewGroup, data["groups"])}
    budgets = {form.name: form.budget() for form in valid(NewBudget, data["budgets"])}
    prices = {form.model: form.price() for form in valid(NewPrice, data["prices"])}
    centers = {form.user_group: form.cost_center for form in valid(CostCenter, data["centers"])}
    readers = next(valid(Readers, [data["readers"]]), Readers()).stored()
    made = {name: group_of(form, "documented") for name, form in groups.items()}
    return Configuration(made, budgets, prices, centers, readers)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    data=st.fixed_dictionaries(
        {
            "groups": st.lists(_GROUPS, max_size=3),
            "budgets": st.lists(st.builds(lambda one, two: one | two, _BUDGETS, _LIMITS), max_size=3),
            "prices": st.lists(_PRICES, max_size=3),
            "centers": st.lists(_CENTERS, max_size=3),
            "readers": _READERS,
        }
    )
)
def test_whatever_is_defined_survives_a_round_trip(store: Store, data: dict[str, Any]) -> None:
    given_ = _configuration(data)
    defined = store.configure(wanted(data)).after
    assert list(differences(sections_of(given_), sections_of(store.configuration()))) == []
    assert sections_of(defined) == sections_of(given_)
    text = write_configuration(store.configuration())
    again = read_configuration(text, "billed", prune=True).over(store.configuration())
    assert again == store.configuration()


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60) | st.binary(max_size=60) | st.text("[]{}:,-&*!<>|'\"\n ab1", max_size=60))
def test_no_text_makes_it_fail(text: str | bytes) -> None:
    with suppress(NotValid):
        parse(text)


def test_a_bomb_is_refused_at_once() -> None:
    levels = "\n".join(f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]" for before, name in pairwise("abcdefghi"))
    with pytest.raises(NotValid, match="anchors and aliases"):
        parse(f"a: &a [x]\n{levels}")
    with pytest.raises(NotValid, match="nest"):
        parse("[" * 900_000)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """The command, on a database of its own."""
    monkeypatch.chdir(tmp_path)
    database = str(tmp_path / "usage.db")
    return lambda *arguments, **options: CliRunner().invoke(app, [*arguments, "--database", database], **options)


def test_a_file_is_imported_and_exported_on_the_command_line(run: Callable[..., Result], tmp_path: Path) -> None:
    file = tmp_path / "usage.yaml"
    file.write_text("groups:\n- {name: GPT, models: [gpt-4o*], limit: 5}\n")
    dry = run("config", "import", str(file), "--dry-run")
    assert dry.exit_code == 0, dry.output
    assert dry.output.splitlines()[0] == "+ group GPT"
    assert dry.output.splitlines()[-1] == "Nothing was changed: this was a dry run."
    assert "GPT" not in run("config", "export").output
    assert "+ group GPT" in run("config", "import", str(file)).output
    exported = run("config", "export").output
    changed = run("config", "import", "-", input=exported.replace("limit: 5", "limit: 6"))
    assert changed.output.splitlines() == ["~ group GPT", "    limit: 5 -> 6"]
    assert run("config", "import", "-", "--prune", input="groups: []").output.startswith("- group GPT")
    assert run("config", "import", "-", input="groups: []").output == "Nothing differs.\n"


def test_a_wrong_file_is_told_with_its_place(run: Callable[..., Result], tmp_path: Path) -> None:
    file = tmp_path / "usage.yaml"
    file.write_text("groups:\n- {name: GPT, modles: []}\nbudgets: 1\n")
    done = run("config", "import", str(file))
    assert done.exit_code == 1
    first, *_, last = done.output.splitlines()
    assert first == f"{file}: line 2, column 3: groups[0].models: is missing"
    assert last == f"{file}: line 3, column 1: budgets: must be a list"
    missing = run("config", "import", str(tmp_path / "none.yaml"))
    assert (missing.exit_code, missing.output) == (1, f"{tmp_path / 'none.yaml'}: No such file or directory\n")


def test_a_dry_run_tells_what_happens_to_credit(run: Callable[..., Result], tmp_path: Path) -> None:
    file = "budgets:\n- {name: fair, scope: {kind: each_user}, unit: usd, limit: 5, period: month}\n"
    run("config", "import", "-", input=file)
    store = Store(create_engine(f"sqlite:///{tmp_path}/usage.db"))
    given = store.add_credit(Credit("", "fair", 2 * 10**9, "Thesis", user_id="ann", expires_at=4_070_908_800.0))
    ended = store.add_credit(Credit("", "fair", 10**9, expires_at=1.0))
    for more in (["--dry-run"], []):
        wrong = run("config", "import", "-", *more, input=file.replace("usd", "tokens"))
        assert (wrong.exit_code, wrong.output) == (
            1,
            '-: budget "fair": unit: has credit in usd; take it back first\n',
        )
    credit = '    credits: [{"amount": 2.0, "user": "ann", "note": "Thesis", "expires_at": "2099-01-01T00:00:00Z"}]'
    dry = run("config", "import", "-", "--dry-run", "--prune", input="budgets: []")
    assert dry.output.splitlines()[0] == "- budget fair"
    assert dry.output.splitlines()[-2:] == [credit, "Nothing was changed: this was a dry run."]
    assert {each.id for each in store.credits("fair")} == {given.id, ended.id}
    assert run("config", "import", "-", "--prune", input="budgets: []").output.splitlines()[-1] == credit
    store.create_budget(Budget("", "fair", 1))
    assert store.credits("fair") == []
