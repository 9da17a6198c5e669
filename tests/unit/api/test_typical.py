"""/api/usage/typical: what a message usually uses, by model and effort, and who is told of which model."""

from __future__ import annotations

import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError

from openwebui_usage.api.routes.typical import MOST_BYTES, typical_usage
from openwebui_usage.ledger import Store, typical
from openwebui_usage.ledger.rows import CallRow, id_at
from openwebui_usage.ledger.typical import (
    DAYS,
    LEAST_CALLS,
    LEAST_USERS,
    Quartiles,
    TypicalEffort,
    TypicalModel,
    TypicalModels,
    TypicalUse,
)
from openwebui_usage.rules.pricing import Price
from openwebui_usage.rules.tokens import TokenUsage
from tests.support.recorder import call_row
from tests.support.router import Router
from tests.support.tables import give_tables

PATH = "/api/usage/typical"
NOW = time.time()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    engine = create_engine(f"sqlite:///{tmp_path}/usage.db")
    store = Store(engine)
    give_tables(engine)
    yield store
    engine.dispose()


def calls(model: str, outputs: range, *, ago: float = 60, reasoning: int = 0, **values: Any) -> list[CallRow]:
    """One call for each number of output tokens, all that many seconds ago, and a thousand tokens asked."""
    return [
        call_row(
            model,
            id=f"{id_at(NOW - ago)}{abs(hash((model, output, str(values)))):016x}"[:32],
            started_at=NOW - ago,
            usage=TokenUsage(input=1000, output=output, completion=output, reasoning=reasoning),
            **{"user_id": f"user {number % LEAST_USERS}", **values},
        )
        for number, output in enumerate(outputs)
    ]


def read(store: Store) -> TypicalModels:
    return store.typical_calls.read(NOW)


def ask(router: Router, who: str = "user") -> dict[str, Any]:
    with router.client(who) as client:
        answer = client.http.get(PATH)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_each_effort_of_a_model_has_its_own_quartiles(router: Router, store: Store) -> None:
    store.put_price(Price("o3", Decimal(2), Decimal(8)))
    store.record(
        [
            *calls("o3", range(100, 1000, 100), effort="low"),
            *calls("o3", range(1000, 10_000, 1000), effort="high", reasoning=500),
            *calls("o3", range(10, 90, 10)),
        ]
    )
    router.typical = read(store)
    assert ask(router)["models"] == {
        "o3": {
            "prompt_price": 2000,
            "efforts": {
                "low": {"calls": 9, "tokens": [300, 500, 700], "out": [300, 500, 700], "cost": [0.0024, 0.004, 0.0056]},
                "high": {
                    "calls": 9,
                    "tokens": [3000, 5000, 7000],
                    "out": [3500, 5500, 7500],
                    "cost": [0.024, 0.04, 0.056],
                },
                "": {"calls": 8, "tokens": [28, 45, 62], "out": [28, 45, 62], "cost": [0.00022, 0.00036, 0.0005]},
            },
        }
    }


def test_where_only_the_sum_of_a_cost_is_known_it_is_that_of_the_whole_call(store: Store) -> None:
    store.record(calls("gpt-4o", range(100, 1000, 100), raw_usage={"cost": 0.01}))
    (model,) = read(store).values()
    assert model.prompt_price is None
    assert model.efforts[""].cost == Quartiles(10_000_000, 10_000_000, 10_000_000)


def test_without_a_price_there_is_no_cost(store: Store) -> None:
    store.record(calls("own-model", range(100, 1000, 100)))
    assert read(store)["own-model"].efforts[""].cost is None


@pytest.mark.parametrize(
    "others",
    [
        {"outcome": "stopped"},
        {"outcome": "error"},
        {"task": "title_generation"},
        {"unverified": True},
        {"ago": (DAYS + 1) * 86_400},
        {"effort": "low"},
    ],
    ids=lambda others: ", ".join(map(str, others.values())),
)
def test_too_few_whole_answers_say_nothing(store: Store, others: dict[str, Any]) -> None:
    store.record([*calls("gpt-4o", range(100, 800, 100)), *calls("gpt-4o", range(1, 3), **others)])
    assert read(store) == {}
    store.record(calls("gpt-4o", range(800, 900, 100)))
    assert {model: known.calls for model, known in read(store).items()} == {"gpt-4o": LEAST_CALLS}


def test_so_many_of_the_newest_rows_are_read(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(typical, "MOST_ROWS", 20)
    monkeypatch.setattr(typical, "_ROWS_AT_ONCE", 10)
    store.record([*calls("old", range(100, 110), ago=3600), *calls("new", range(100, 119), ago=10)])
    assert {model: known.calls for model, known in read(store).items()} == {"new": 19}
    monkeypatch.setattr(typical, "MOST_ROWS", 40)
    assert list(read(store)) == ["new", "old"]


def test_people_are_told_of_the_models_that_they_can_use(router: Router, store: Store) -> None:
    store.record([*calls("gpt-4o", range(1, 10)), *calls("o3", range(1, 10)), *calls("secret", range(1, 10))])
    router.typical = read(store)
    assert sorted(ask(router)["models"]) == ["gpt-4o", "o3"], "o3 is the base of a workspace model"


@pytest.mark.parametrize(
    ("users", "is_told"),
    [(("u-2",), False), (("user", "u-2"), False), (("user",), True), (("user", "u-2", "u-3"), True)],
)
def test_nobody_is_told_what_one_other_person_used(
    router: Router, store: Store, users: tuple[str, ...], is_told: bool
) -> None:
    for user in users:
        store.record(calls("gpt-4o", range(1, 10), user_id=user))
    router.typical = read(store)
    assert ("gpt-4o" in ask(router)["models"]) == is_told


def test_an_effort_of_somebodys_own_words_is_told_to_nobody(router: Router, store: Store) -> None:
    for effort in ("high", "8192 tokens", "on", "none", "my secret", "9" * 12 + " tok"):
        store.record(calls("gpt-4o", range(1, 10), effort=effort))
    router.typical = read(store)
    assert sorted(ask(router)["models"]["gpt-4o"]["efforts"]) == ["8192 tokens", "high", "none", "on"]


def test_nothing_is_told_while_it_is_switched_off(router: Router) -> None:
    router.typical = {}
    assert ask(router) == {"shown": True, "models": {}}
    router.typical = None
    assert ask(router) == {"shown": False, "models": {}}


def test_an_answer_stays_small_however_many_models_there_are() -> None:
    quartiles = Quartiles(123_456, 234_567, 345_678)
    effort = TypicalEffort(500, quartiles, quartiles, quartiles)
    known = {f"model {number}": TypicalModel(2000.5, {"low": effort, "high": effort}) for number in range(500)}
    answer = typical_usage(known, known, "user")
    assert MOST_BYTES * 0.9 < len(answer.model_dump_json()) <= MOST_BYTES
    assert list(answer.models) == list(known)[: len(answer.models)], "those with the most calls stay"


def test_it_is_read_every_few_minutes_and_kept_while_the_ledger_is_away() -> None:
    now = 1000.0
    found: TypicalModels | None = {"a": TypicalModel(None, {})}
    times: list[float] = []

    def look(moment: float) -> TypicalModels:
        times.append(moment)
        if found is None:
            raise OperationalError("select", {}, Exception("away"))
        return found

    use = TypicalUse(look, clock=lambda: now)
    use.refresh()
    now += TypicalUse.SECONDS - 1
    use.refresh()
    assert times == [1000.0]
    now += 1
    found = None
    with pytest.raises(OperationalError):
        use.refresh()
    use.refresh()
    assert list(use.models) == ["a"]
    now += TypicalUse.SECONDS
    found = {}
    use.refresh()
    assert (len(times), use.models) == (3, {})
