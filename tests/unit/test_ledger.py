"""What one may rely on in the ledger, on every database. Here on a SQLite file; `tests/integration` adds PostgreSQL."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.command import upgrade
from alembic.config import Config
from alembic.migration import MigrationContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, func, inspect, select, text, update
from sqlalchemy.exc import IntegrityError, OperationalError, SQLAlchemyError

from openwebui_usage.ledger import CallRow, GroupExists, GroupMissing, Store, Writer
from openwebui_usage.ledger import database as ledger_database
from openwebui_usage.ledger.recording import SUMS
from openwebui_usage.ledger.rows import new_id
from openwebui_usage.ledger.schema import metadata, usage_call, usage_total
from openwebui_usage.ledger.spool import Spool
from openwebui_usage.rules.budgets import Budget, Scope
from openwebui_usage.rules.groups import Sums
from openwebui_usage.rules.money import NANO
from openwebui_usage.rules.periods import ALL_TIME
from openwebui_usage.rules.pricing import Price
from openwebui_usage.rules.tokens import TokenUsage
from tests.support.process import wait_until
from tests.support.recorder import MODELS, a_call, call_row, engine_like_open_webui, start_recorder
from tests.support.tables import give_tables

NewEngine = Callable[[], Engine]


@pytest.fixture
def url(tmp_path: Path) -> str:
    """An empty database."""
    return f"sqlite:///{tmp_path}/webui.db"


@pytest.fixture
def new_engine(url: str) -> Iterator[NewEngine]:
    """An engine of its own on the same database, as each worker has."""
    engines: list[Engine] = []

    def make() -> Engine:
        engines.append(engine_like_open_webui(url))
        return engines[-1]

    yield make
    for engine in engines:
        engine.dispose()


@pytest.fixture
def engine(new_engine: NewEngine) -> Engine:
    return new_engine()


@pytest.fixture
def store(engine: Engine) -> Store:
    store = Store(engine)
    give_tables(engine)
    return store


@pytest.fixture
def other(new_engine: NewEngine, store: Store) -> Store:
    """The ledger as another worker holds it."""
    return Store(new_engine())


def rows_in(engine: Engine) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(select(usage_call).order_by(usage_call.c.id)))


def sums_of_rows(engine: Engine, group_id: str) -> Sums:
    """What the rows say that a group used."""
    rows = [row for row in rows_in(engine) if f" {group_id} " in row.groups]
    counts = ("input", "cached_input", "cache_write", "completion", "reasoning", "output")
    return Sums(
        calls=len(rows),
        estimated_calls=sum(row.estimated for row in rows),
        unpriced_calls=sum(row.cost_nano is None for row in rows),
        cost_nano=sum(row.cost_nano or 0 for row in rows),
        **{name: sum(getattr(row, name) for row in rows) for name in counts},
    )


def in_threads(count: int, work: Callable[[int], None]) -> None:
    """Run `work` in `count` threads at once; an error in any is an error."""
    errors: list[BaseException] = []
    start = threading.Barrier(count)

    def run(number: int) -> None:
        start.wait()
        try:
            work(number)
        except BaseException as error:  # noqa: BLE001 - raised again below
            errors.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def test_the_newest_call_is_the_one_that_began_last(store: Store) -> None:
    assert store.newest_call() == ""
    store.record([replace(a_call(), id="b"), replace(a_call(), id="c")])
    store.record([replace(a_call(), id="a")])
    assert store.newest_call() == "c"


class TestGroups:
    def test_are_listed_in_the_order_of_their_creation(self, store: Store) -> None:
        for name in ("zebra", "ape", "Ünïcode 漢字 🙂"):
            store.create_group(name, ["gpt-4o"], None, "documented")
        assert [entry.group.name for entry in store.groups()] == ["zebra", "ape", "Ünïcode 漢字 🙂"]

    def test_come_back_as_they_were_made(self, store: Store, other: Store) -> None:
        made = store.create_group("G", ["gpt-4o*", "a[b]'c\\\"%"], 10**15, "billed")
        assert made.group.models == ("gpt-4o*", "a[b]'c\\\"%")
        assert (made.group.limit, made.group.counting, made.sums) == (10**15, "billed", Sums())
        assert other.group("G") == made

    def test_have_a_name_of_their_own(self, store: Store, other: Store) -> None:
        store.create_group("G", ["a"], None, "documented")
        with pytest.raises(GroupExists, match="G"):
            other.create_group("G", ["b"], None, "documented")
        assert store.group("G").group.models == ("a",)

    def test_of_one_name_are_made_once_however_many_try(self, new_engine: NewEngine, store: Store) -> None:
        made: list[str] = []

        def create(number: int) -> None:
            with contextlib.suppress(GroupExists):
                made.append(Store(new_engine()).create_group("G", [str(number)], None, "documented").group.id)

        in_threads(8, create)
        assert [entry.group.id for entry in store.groups()] == made

    def test_change_only_what_is_named(self, store: Store) -> None:
        store.create_group("G", ["a"], 5, "documented")
        assert store.update_group("G", {"limit": None}).group.models == ("a",)
        assert store.update_group("G", {"models": ["b", "c"]}).group.limit is None
        assert store.update_group("G", {}).group.models == ("b", "c")

    @pytest.mark.parametrize(
        "do",
        [
            lambda store: store.group("no such"),
            lambda store: store.update_group("no such", {"limit": 1}),
            lambda store: store.delete_group("no such"),
            lambda store: store.reset_group("no such"),
        ],
        ids=["read", "update", "delete", "reset"],
    )
    def test_that_are_missing_are_told_by_name(self, store: Store, do: Callable[[Store], None]) -> None:
        with pytest.raises(GroupMissing, match="no such"):
            do(store)

    def test_keep_their_rows_in_the_ledger_when_reset_and_deleted(self, store: Store, engine: Engine) -> None:
        store.create_group("G", ["gpt-4o"], None, "documented")
        store.record([a_call(), a_call()])
        assert store.reset_group("G").sums == Sums()
        store.record([a_call()])
        assert store.group("G").sums.calls == 1
        store.delete_group("G")
        assert len(rows_in(engine)) == 3
        with engine.connect() as connection:
            assert connection.execute(select(func.count()).select_from(usage_total)).scalar() == 0

    def test_made_again_under_an_old_name_begin_at_zero(self, store: Store) -> None:
        store.create_group("G", ["gpt-4o"], None, "documented")
        store.record([a_call()])
        store.delete_group("G")
        assert store.create_group("G", ["gpt-4o"], None, "documented").sums == Sums()
        assert store.group("G").sums == Sums()

    def test_may_have_a_period_in_any_time_zone(self, store: Store) -> None:
        zone = "America/Argentina/ComodRivadavia"  # the longest name of all
        for period in ("day", "week", "month"):
            store.create_group(period, ["gpt-4o"], None, "documented", period=period, timezone=zone)
        store.record([a_call()])
        assert [(entry.sums.calls, entry.ever.calls) for entry in store.groups()] == [(1, 1)] * 3


class TestCounting:
    def test_sums_what_the_rows_say(self, store: Store, engine: Engine) -> None:
        group = store.create_group("G", ["gpt-4o"], None, "documented").group
        usage = TokenUsage(input=7, cached_input=3, cache_write=2, completion=5, reasoning=4, output=9, estimated=True)
        assert store.record([a_call(), a_call(usage=usage)]).groups == {"G"}
        sums = store.group("G").sums
        assert (sums.calls, sums.estimated_calls, sums.input, sums.output) == (2, 1, 107, 19)
        assert sums == sums_of_rows(engine, group.id)

    def test_of_documented_and_billed_tokens_can_be_switched_afterwards(self, store: Store) -> None:
        store.create_group("G", ["gpt-4o"], None, "documented")
        store.record([a_call()])
        before = store.group("G")
        assert (before.sums.out(before.group.counting), before.sums.total(before.group.counting)) == (14, 114)
        after = store.update_group("G", {"counting": "billed"})
        assert (after.sums.out(after.group.counting), after.sums.total(after.group.counting)) == (10, 110)

    def test_finds_every_group_of_a_model(self, store: Store, engine: Engine) -> None:
        for name, models in {"exact": ["gpt-4o"], "glob": ["gpt-4*"], "none": ["gpt-4"], "all": ["*"]}.items():
            store.create_group(name, models, None, "documented")
        assert store.record([a_call("gpt-4o")]).groups == {"exact", "glob", "all"}
        assert len(rows_in(engine)[0].groups.split()) == 3

    def test_takes_a_workspace_model_once_per_group(self, store: Store) -> None:
        store.create_group("both", ["my-helper", "gpt-4o", "gpt-*"], None, "documented")
        store.create_group("own", ["my-helper"], None, "documented")
        store.create_group("base", ["gpt-4o"], None, "documented")
        store.record([a_call("my-helper", called_model="gpt-4o")])
        assert [entry.sums.calls for entry in store.groups()] == [1, 1, 1]

    def test_leaves_unverified_calls_out_of_every_total(self, store: Store, engine: Engine) -> None:
        store.create_group("G", ["gpt-4o"], None, "documented")
        assert store.record([a_call(unverified=True)]).groups == frozenset()
        assert store.group("G").sums == Sums()
        assert [(row.unverified, row.groups) for row in rows_in(engine)] == [(True, "")]

    def test_of_a_batch_is_that_of_its_rows_one_by_one(self, store: Store, engine: Engine) -> None:
        """Where they differ in anything that decides what counts them."""
        for model in ("helper", "gpt-4o"):
            store.create_group(model, [model], None, "documented", period="day")
        for scope in (Scope(), Scope("each_user"), Scope("user", "ann"), Scope("group", "staff")):
            store.create_budget(Budget("", str(scope), NANO, scope=scope, period="day"))
        midnight = 20_000 * 86_400.0
        others: list[dict[str, Any]] = [
            {"user_id": "bob"},
            {"user_id": None},
            {"user_groups": ("staff",)},
            {"called_model": "o1"},
            {"model": "o1"},
            {"unverified": True},
            {"started_at": midnight - 0.001},
        ]
        usual = {"user_id": "ann", "model": "helper", "called_model": "gpt-4o", "started_at": midnight}

        def rows() -> list[CallRow]:
            usage = TokenUsage(input=3, completion=2, output=2)
            return [call_row(**{**usual, **other}, usage=usage) for other in ({}, *others, {}, *others)]

        def totals() -> dict[tuple[str, str], list[int]]:
            with engine.connect() as connection:
                return {(subject, period): sums for subject, period, *sums in connection.execute(select(usage_total))}

        store.record(rows())
        batch = totals()
        for row in rows():
            store.record([row])
        assert totals() == {key: [2 * count for count in sums] for key, sums in batch.items()}
        assert len({period for _, period in batch}) == 3
        assert len({sums[0] for sums in batch.values()}) > 3

    def test_keeps_every_detail_of_a_call(self, store: Store, engine: Engine) -> None:
        row = a_call(
            "my-helper",
            called_model="gpt-4o",
            outcome="stopped",
            user_name="Ünïcode 漢字 🙂",
            chat_id="chat",
            message_id="message",
            task="title_generation",
            path="/api/chat/completions",
            first_token_after=0.25,
            thinking=0.5,
            raw_usage={"prompt_tokens": 100},
        )
        store.record([row])
        [read] = store.message("message")
        priced = {name: getattr(read, name) for name in CallRow.__slots__ if name.startswith(("cost_", "price_"))}
        assert read == replace(row, **priced)
        assert sum(priced[f"cost_{part}"] for part in ("input", "cached", "cache_write", "output")) == read.cost_nano

    @pytest.mark.parametrize(
        ("given", "kept"),
        [("a\0b", "a\ufffdb"), ("\ud83d", "?"), ("x" * 5000, "x" * 1000)],
        ids=["NUL", "half", "long"],
    )
    def test_takes_any_text_that_a_client_may_send(self, store: Store, engine: Engine, given: str, kept: str) -> None:
        store.create_group("G", ["*"], None, "documented")
        store.record([a_call(chat_id=given, message_id=given, user_name=given, raw_usage={"key": given})])
        [row] = rows_in(engine)
        assert (row.chat_id, row.message_id, row.user_name) == (kept, kept, kept)
        assert store.group("G").sums.calls == 1


class TestRecording:
    def test_says_of_a_cost_that_nobody_asks_that_it_is_not_believed(self, store: Store, engine: Engine) -> None:
        absurd = {"prompt_tokens": 1, "completion_tokens": 1, "cost": 999_999}
        two = TokenUsage(input=1, completion=1, output=1)
        for model in ("gpt-4o", "nobody-knows-this"):
            store.record([a_call(model, usage=two, raw_usage=absurd, called_model=model)])
        with engine.connect() as connection:
            rows = connection.execute(select(usage_call).order_by(usage_call.c.model)).all()
        told = {row.model: (row.cost_nano, row.cost_source) for row in rows}
        assert told == {"gpt-4o": (12_500, "not-believed:genai-prices"), "nobody-knows-this": (None, "not-believed")}

    def test_again_what_may_be_written_is_harmless(self, store: Store, engine: Engine) -> None:
        store.create_group("G", ["gpt-4o"], None, "documented")
        rows = [a_call() for _ in range(1200)]
        store.record(rows[:700])
        store.record([*rows, *rows[:5]], maybe_written=True)
        store.record(rows, maybe_written=True)
        assert len(rows_in(engine)) == store.group("G").sums.calls == 1200

    def test_is_all_or_nothing(self, store: Store, engine: Engine) -> None:
        group = store.create_group("G", ["gpt-4o"], None, "documented").group
        known = a_call()
        store.record([known])
        with pytest.raises(IntegrityError):
            store.record([a_call(), known, a_call()])
        assert [row.id for row in rows_in(engine)] == [known.id]
        assert store.group("G").sums == sums_of_rows(engine, group.id)
        store.record([a_call()])  # The connection is as good as before.
        assert store.group("G").sums.calls == 2

    def test_nothing_is_nothing(self, store: Store, engine: Engine) -> None:
        assert store.record([]).groups == frozenset()
        assert rows_in(engine) == []

    def test_sees_what_another_worker_defined_in_the_very_next_commit(self, store: Store, other: Store) -> None:
        assert store.record([a_call()]).groups == frozenset()
        other.create_group("G", ["gpt-4o"], None, "documented")
        assert store.record([a_call()]).groups == {"G"}
        other.update_group("G", {"models": ["o3-mini"]})
        assert store.record([a_call()]).groups == frozenset()
        assert store.record([a_call("o3-mini")]).groups == {"G"}
        other.delete_group("G")
        assert store.record([a_call("o3-mini")]).groups == frozenset()

    def test_by_64_threads_at_once_loses_nothing(self, store: Store, engine: Engine) -> None:
        group = store.create_group("G", ["*"], None, "documented").group
        in_threads(64, lambda number: _record_patiently(store, [a_call(MODELS[number % 3]) for _ in range(20)]))
        assert store.group("G").sums == sums_of_rows(engine, group.id)
        assert store.group("G").sums.calls == 64 * 20

    def test_by_several_workers_never_waits_in_a_circle(self, new_engine: NewEngine, store: Store) -> None:
        for number in range(12):
            store.create_group(f"G{number}", [f"m{number}", f"m{(number * 5) % 12}"], None, "documented")
        workers = [Store(new_engine()) for _ in range(4)]

        def record(number: int) -> None:
            for turn in range(15):
                order = range(12) if (turn + number) % 2 else reversed(range(12))
                _record_patiently(workers[number], [a_call(f"m{model}") for model in order])

        in_threads(4, record)
        expected = Counter(name for number in range(12) for name in {f"m{number}", f"m{(number * 5) % 12}"})
        assert sum(entry.sums.calls for entry in store.groups()) == sum(expected.values()) * 60

    def test_goes_on_exactly_while_definitions_change(
        self, new_engine: NewEngine, store: Store, engine: Engine
    ) -> None:
        group = store.create_group("G", ["*"], None, "documented").group
        workers, admin = [Store(new_engine()) for _ in range(3)], Store(new_engine())
        done = threading.Event()

        def work(number: int) -> None:
            if number < 3:
                for _ in range(60):
                    _record_patiently(workers[number], [a_call()])
                done.set()
            else:
                while not done.is_set():
                    for period in ("month", "day", "total", "week"):
                        admin.update_group("G", {"period": period})

        in_threads(4, work)
        admin.update_group("G", {"period": "month", "timezone": "UTC"})
        usage = store.group("G")
        assert usage.sums == usage.ever == sums_of_rows(engine, group.id)
        assert usage.sums.calls == 180

    def test_the_price_of_the_unpriced_outlives_a_change(self, new_engine: NewEngine, store: Store) -> None:
        frugal = Store(new_engine(), fallback_price=Price("*", input=Decimal(1), output=Decimal(2)))
        for name in ("A", "B"):
            store.create_group(name, ["*"], None, "documented")
            frugal.record([a_call("house-model")])
            [row] = frugal.latest(1)
            assert row.cost_source == "otherwise"
        frugal.close()

    def test_by_several_processes_at_once_loses_nothing(
        self, store: Store, engine: Engine, url: str, tmp_path: Path
    ) -> None:
        group = store.create_group("G", ["*"], None, "documented").group
        processes = [start_recorder(url, tmp_path / "spool", "--threads", 8, "--calls", 40) for _ in range(3)]
        told = [line for process in processes for line in process.communicate()[0].split() if line != "ready"]
        assert [process.returncode for process in processes] == [0, 0, 0]
        _replay(store, tmp_path / "spool")
        assert sorted(told) == [row.id for row in rows_in(engine)]
        assert store.group("G").sums == sums_of_rows(engine, group.id)
        assert store.group("G").sums.calls == 3 * 8 * 40

    def test_is_checked_without_leaving_anything(self, store: Store, engine: Engine) -> None:
        store.create_group("G", ["*"], None, "documented")
        store.check()
        assert rows_in(engine) == []
        assert store.group("G").sums == Sums()
        metadata.tables["usage_call"].drop(engine)
        with pytest.raises(SQLAlchemyError):
            store.check()


class TestMigrations:
    def test_make_what_the_code_addresses(self, store: Store, engine: Engine) -> None:
        with engine.connect() as connection:
            options = {"compare_type": True, "include_name": _ours}
            assert compare_metadata(MigrationContext.configure(connection, opts=options), metadata) == []

    def test_can_be_repeated(self, store: Store, engine: Engine) -> None:
        store.create_group("G", ["gpt-4o"], None, "documented")
        store.record([a_call()])
        for _ in range(3):
            Store(engine).migrate()
        assert store.group("G").sums.calls == 1

    def test_bring_dropped_tables_back_empty(self, store: Store, engine: Engine) -> None:
        store.create_group("G", ["gpt-4o"], None, "documented")
        for name in ("usage_call", "usage_revision", "usage_total"):
            metadata.tables[name].drop(engine)
        store.migrate()
        assert store.record([a_call()]).groups == {"G"}
        assert store.group("G").sums.calls == 1

    def test_keep_what_an_older_version_wrote(self, engine: Engine) -> None:
        _upgrade_to(engine, "0001")
        with engine.begin() as connection:
            connection.execute(
                text(
                    'INSERT INTO usage_group (id, name, models, "limit", counting, created_at) '
                    "VALUES ('g1', 'Old', '[\"gpt-4o\"]', 5, 'billed', 1)"
                )
            )
        store = Store(engine)
        store.migrate()
        group = store.group("Old").group
        assert (group.models, group.limit, group.counting, group.period) == (("gpt-4o",), 5, "billed", "total")
        assert store.record([a_call()]).groups == {"Old"}

    def test_keep_out_of_the_way_of_the_hosts_own(self, engine: Engine) -> None:
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"))
            connection.execute(text("INSERT INTO alembic_version VALUES ('host')"))
            connection.execute(text('CREATE TABLE "user" (id TEXT)'))
        Store(engine).migrate()
        with engine.connect() as connection:
            assert connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all() == ["host"]
            assert len(connection.execute(text("SELECT version_num FROM usage_alembic_version")).all()) == 1
        assert "user" in inspect(engine).get_table_names()

    def test_in_several_processes_at_once_do_the_work_once(self, url: str, engine: Engine, tmp_path: Path) -> None:
        script = (
            "import sys; from openwebui_usage.ledger import Store;"
            "from tests.support.recorder import engine_like_open_webui as engine;"
            "sys.stdin.readline(); Store(engine(sys.argv[1])).migrate()"
        )
        command = [sys.executable, "-c", script, url]
        root = Path(__file__).parents[2]
        processes = [subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, text=True) for _ in range(5)]
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        assert [process.wait(60) for process in processes] == [0] * 5
        store = Store(engine)
        store.create_group("G", ["gpt-4o"], None, "documented")
        assert store.record([a_call()]).groups == {"G"}

    def test_in_several_threads_at_once_do_the_work_once(self, new_engine: NewEngine, engine: Engine) -> None:
        in_threads(4, lambda _: Store(new_engine()).migrate())
        Store(engine).record([a_call()])


def _record_patiently(store: Store, rows: list[CallRow]) -> None:
    """Without a writer's spool: many threads on one SQLite file may well wait longer than a call would."""
    for attempt in range(100):
        with contextlib.suppress(OperationalError):
            store.record(rows, maybe_written=attempt > 0)
            return
    raise AssertionError("the database stayed locked")


def _replay(store: Store, spool: Path) -> None:
    """What the processes put into their spool files, if they had to."""

    def write(rows: list[CallRow]) -> None:
        store.record(rows, maybe_written=True)

    Spool(spool).replay(write)


def _ours(name: str | None, kind: str, parents: Any) -> bool:
    if kind != "table":
        return True
    # In PostgreSQL the calls of each month are in a table of their own.
    return (name or "").startswith("usage_") and not re.fullmatch(r"usage_alembic_version|usage_call_\w+", name or "")


def _upgrade_to(engine: Engine, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(ledger_database.__file__).with_name("migrations")))
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        upgrade(config, revision)
        connection.commit()


class TestBudgets:
    """Sums of everybody, of each user, and of a user group, whose members the rows do not tell."""

    MEMBERS = Budget("", "members", NANO, scope=Scope("group", "staff"))

    def used(self, store: Store, name: str, period: str = ALL_TIME.key) -> Sums:
        budget = next(budget for budget in store.budgets() if budget.name == name)
        return store.totals([(budget.id, period)])[budget.id, period]

    @pytest.mark.parametrize(
        "change",
        [
            {"limit": 5},
            {"unit": "usd", "limit": 5},
            {"counting": "billed"},
            {"free_models_exempt": False},
            {"action": "warn"},
            {"soft_limits": ()},
        ],
        ids=repr,
    )
    def test_keep_their_sums_where_a_change_is_not_about_what_they_count(
        self, store: Store, change: dict[str, Any]
    ) -> None:
        store.create_budget(self.MEMBERS)
        store.record([a_call(user_groups=("staff",)), a_call(user_groups=("other",))])
        before = self.used(store, "members")
        store.update_budget("members", change)
        assert self.used(store, "members") == before
        assert before.calls == 1

    def test_of_a_user_group_start_anew_where_they_count_something_else(self, store: Store) -> None:
        store.create_budget(self.MEMBERS)
        store.record([a_call(user_groups=("staff",))])
        store.update_budget("members", {"models": ("o1",)})
        assert self.used(store, "members").calls == 0

    def test_of_everybody_know_what_was_before(self, store: Store) -> None:
        store.record([a_call(), a_call("o3-mini")])
        store.create_budget(Budget("", "all", 5))
        store.update_budget("all", {"models": ("o3*",)})
        assert self.used(store, "all").calls == 1


class TestOutbox:
    """Notices are written with what caused them, and each is posted by one at a time."""

    def notify(self, store: Store) -> None:
        store.notices = lambda change, now: [{"calls": change.after.calls}]

    def test_is_filled_by_the_commit_or_not_at_all(self, store: Store, other: Store) -> None:
        store.create_group("G", ["*"], 10**9, "documented")
        self.notify(store)
        row = a_call()
        with pytest.raises(IntegrityError):
            store.record([row, row])
        assert store.outbox.next_due() is None
        assert store.record([row, a_call()]).notices == 1
        assert store.record([row], maybe_written=True).notices == 0
        waiting = other.outbox.claim(time.time())
        assert waiting is not None
        assert json.loads(waiting.body) == {"id": waiting.id, "calls": 2}

    def test_gives_each_to_one_at_a_time(self, store: Store, new_engine: NewEngine) -> None:
        store.create_group("G", ["*"], 10**9, "documented")
        self.notify(store)
        for _ in range(20):
            store.record([a_call()])
        now, taken = time.time(), list[str]()

        def take() -> None:
            outbox = Store(new_engine()).outbox
            while outbox.next_due() is not None and (outbox.next_due() or 0) <= now:
                waiting = outbox.claim(now)
                if waiting is not None:
                    taken.append(waiting.id)

        threads = [threading.Thread(target=take) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(taken) == len(set(taken)) == 20

    def test_keeps_what_could_not_be_posted_until_it_is_done(self, store: Store) -> None:
        store.create_group("G", ["*"], 10**9, "documented")
        self.notify(store)
        store.record([a_call()])
        now = time.time()
        first = store.outbox.claim(now)
        assert first is not None
        store.outbox.later(first, now + 8)
        assert store.outbox.next_due() == now + 8
        assert store.outbox.claim(now + 7) is None
        again = store.outbox.claim(now + 8)
        assert again is not None
        assert (again.id, again.body, again.tries) == (first.id, first.body, 2)
        store.outbox.done(again)
        assert store.outbox.next_due() is None


ANY_TEXT = st.none() | st.text(st.characters() | st.characters(categories=["Cs", "Cc", "So"]), max_size=1200)
ANY_COUNT = st.integers() | st.integers(2**62, 10**30) | st.floats() | st.none() | st.booleans()
ANY_TIME = st.floats() | st.integers() | st.none()
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.integers(), inner, max_size=3),
    max_leaves=8,
)
ANY_ROW = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(("user_id", "user_name", "chat_id", "message_id", "task", "path", "model"), ANY_TEXT),
        **dict.fromkeys(("called_model", "outcome"), ANY_TEXT),
        **dict.fromkeys(("started_at", "first_token_after", "thinking", "duration"), ANY_TIME),
        "raw_usage": st.none() | st.dictionaries(st.text(), ANY_JSON, max_size=4) | ANY_JSON,
        "usage": st.builds(TokenUsage, *[ANY_COUNT] * 6, st.booleans()),
        "user_groups": st.lists(st.text(), max_size=2).map(tuple),
    },
)


class TestArbitraryRows:
    """Whatever a row holds, it is stored or set aside, and the good ones beside it are all stored, at once."""

    @pytest.fixture
    def writer(self, store: Store, tmp_path: Path) -> Iterator[Writer]:
        store.create_group("G", ["*"], 10**15, "documented")
        store.create_budget(Budget("", "each", 5, scope=Scope("each_user")))
        writer = Writer(store, Spool(tmp_path / "spool"))
        writer.start()
        yield writer
        writer.stop()

    def rejected(self, folder: Path) -> set[str]:
        path = folder / "spool" / "rejected.jsonl"
        return {json.loads(line)["id"] for line in path.read_bytes().splitlines()} if path.exists() else set()

    def waiting(self, folder: Path) -> list[Path]:
        """Spool files with rows for the database."""
        return [path for path in (folder / "spool").glob("calls-*") if path.stat().st_size]

    @settings(
        max_examples=60,
        deadline=None,
        suppress_health_check=[
            HealthCheck.function_scoped_fixture,
            HealthCheck.differing_executors,
            HealthCheck.too_slow,
            HealthCheck.data_too_large,
        ],
    )
    @given(rows=st.lists(ANY_ROW, min_size=1, max_size=6))
    def test_never_keep_others_from_being_stored(
        self, writer: Writer, engine: Engine, tmp_path: Path, rows: list[dict[str, Any]]
    ) -> None:
        good, odd = [], []
        for values in rows:
            good.append(a_call())
            odd.append(a_call(**{**values, "id": new_id()}))
        for waiter in [writer.submit(row) for pair in zip(good, odd, strict=True) for row in pair]:
            waiter.result(10)
        # A database that is slow at the moment is told of late.
        wait_until(
            lambda: writer.health()["state"] == "ok" and not self.waiting(tmp_path), timeout=60, what="all are in"
        )
        stored = {row.id for row in rows_in(engine)}
        assert {row.id for row in good} <= stored
        set_aside = self.rejected(tmp_path)
        assert all((row.id in stored) != (row.id in set_aside) for row in odd)
        assert writer.health()["state"] == "ok"
        assert list((tmp_path / "spool").glob("calls-*")) == []

    def test_in_a_large_batch_are_found_at_once(
        self, writer: Writer, engine: Engine, tmp_path: Path, store: Store
    ) -> None:
        bad = {3, 4, 250, 499}
        rows = [replace(a_call(), started_at=float("nan")) if number in bad else a_call() for number in range(500)]
        for waiter in [writer.submit(row) for row in rows]:
            waiter.result(10)
        set_aside = {rows[number].id for number in bad}
        wait_until(
            lambda: self.rejected(tmp_path) == set_aside and not self.waiting(tmp_path), timeout=60, what="all are in"
        )
        assert len(rows_in(engine)) == store.group("G").sums.calls == 496

    def test_in_the_spool_keep_no_others_waiting(self, writer: Writer, store: Store, tmp_path: Path) -> None:
        writer.stop()
        spool = Spool(tmp_path / "spool")
        spool.append([a_call(outcome="x" * 20_000 if number == 7 else "done", id=new_id()) for number in range(1500)])
        spool.append([replace(a_call(), started_at=1e300), a_call(message_id="\U0001f642" * 1000)])
        spool.close()
        later = Writer(store, Spool(tmp_path / "spool"))
        later.start()
        later.stop()
        assert store.group("G").sums.calls + len(self.rejected(tmp_path)) == 1502
        assert len(self.rejected(tmp_path)) in (1, 2)  # Only PostgreSQL minds the length of an outcome.

    def test_with_a_message_id_of_many_bytes_are_stored(self, store: Store, engine: Engine) -> None:
        """Characters that do not compress, each of four bytes."""
        message = "".join(chr(0x10000 + (number * 7919) % 0xFFFFF) for number in range(1000))
        store.record([a_call(message_id=message, chat_id=message, user_name=message, model=message)])
        [row] = rows_in(engine)
        assert 0 < len(row.message_id.encode()) <= 1000


class TestSumsThatAreFull:
    """No total leaves 64 bits, whatever rows come."""

    HUGE = TokenUsage(input=10**30, cached_input=2**63, completion=2**62, reasoning=1, output=2**64)

    def test_stay_full(self, store: Store, engine: Engine) -> None:
        store.create_group("G", ["*"], None, "documented")
        store.put_price(Price("*", Decimal(10**6), Decimal(10**6)))
        store.record([a_call(usage=self.HUGE)])
        with engine.begin() as connection:
            connection.execute(update(usage_total).values(input=2**62 - 10, cost_nano=2**62 - 2))
        for _ in range(3):
            store.record([a_call(usage=self.HUGE) for _ in range(3)])
        sums = store.group("G").sums
        assert (sums.calls, sums.input, sums.cost_nano) == (10, 2**62 - 1, 2**62 - 1)
        assert all(isinstance(getattr(sums, name), int) for name in SUMS)

    def test_of_many_rows_stay_full(self, store: Store, engine: Engine) -> None:
        """Rows of an earlier version may hold any number of 64 bits."""
        store.create_group("G", ["*"], None, "documented")
        store.record([a_call() for _ in range(4)])
        with engine.begin() as connection:
            connection.execute(update(usage_call).values(input=2**63 - 1, cost_nano=2**63 - 1))
        sums = store.update_group("G", {"period": "month"}).sums
        assert (sums.calls, sums.input, sums.cost_nano, sums.output) == (4, 2**62 - 1, 2**62 - 1, 40)
        budget = store.create_budget(Budget("", "all", 5))
        assert store.totals([(budget.id, "total")])[budget.id, "total"].input == 2**62 - 1


class TestMoney:
    """Whole nano-dollars, summed by the database, equal what Decimal gives for each row."""

    PRICES = st.decimals(0, 1000, places=6)
    CALLS = st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**5)), min_size=1, max_size=12)

    # Run on SQLite here and on PostgreSQL in another module: the same sums must come out.
    @settings(
        max_examples=25,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
    )
    @given(price_in=PRICES, price_out=PRICES, calls=CALLS, batch=st.integers(1, 5))
    def test_adds_up(
        self, store: Store, price_in: Decimal, price_out: Decimal, calls: list[tuple[int, int]], batch: int
    ) -> None:
        model = f"model-{uuid.uuid4().hex}"
        store.put_price(Price(model, price_in, price_out))
        store.create_group(model, [model], None, "documented")
        rows = [a_call(model, usage=TokenUsage(input=one, completion=two, output=two)) for one, two in calls]
        for start in range(0, len(rows), batch):
            store.record(rows[start : start + batch])
        costs = [
            ((one * price_in + two * price_out) / 10**6 * NANO).to_integral_value(ROUND_HALF_UP) for one, two in calls
        ]
        sums = store.group(model).sums
        assert (sums.cost_nano, sums.unpriced_calls) == (sum(costs), 0)
