"""`GET /api/usage/metrics`: what it tells, to whom, that counters only grow, and that it is cheap."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import create_engine, event

from openwebui_usage.api import metrics
from openwebui_usage.api.metrics import Exposition, WorkerState, of_ledger, of_worker
from openwebui_usage.ledger import CallInfo, CallRow, Store, metric_sums
from openwebui_usage.ledger.metric_sums import MetricSums
from openwebui_usage.ledger.refusals import PendingRefusals
from openwebui_usage.ledger.retention import Retention
from openwebui_usage.rules.budgets import Budget, Scope
from openwebui_usage.rules.histograms import cumulative, histogram_of, sum_of
from openwebui_usage.rules.tokens import TokenUsage
from tests.support.router import METRICS_TOKEN, Router

DAY = 86_400.0
NOW = 1_793_534_400.0  # 2026-11-01T12:00:00Z
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    engine = create_engine(f"sqlite:///{tmp_path}/usage.db")
    store = Store(engine)
    store.migrate()
    yield store
    store.close()
    engine.dispose()


def record(store: Store, *models: str, at: float = NOW, usage: TokenUsage | None = None, **values: Any) -> None:
    usage = usage or TokenUsage(input=10, completion=5, output=5)
    store.record(
        [CallRow(CallInfo(model, model, "u1", kind="chat"), started_at=at, usage=usage, **values) for model in models]
    )


def refuse(store: Store, name: str, times: int) -> None:
    pending = PendingRefusals()
    for _ in range(times):
        pending.note(CallInfo("gpt-4o", "gpt-4o", "u1"), [], Budget(f"id of {name}", name, 1), 5)
    pending.write(store.add_refusals)


def samples(sums: MetricSums, store: Store, now: float = NOW + 60) -> Samples:
    """All samples as a scrape would read them."""
    registry = CollectorRegistry()
    registry.register(metrics._Made(of_ledger(sums.read(store.definitions(), now))))
    return parsed(generate_latest(registry).decode())


def parsed(text: str) -> Samples:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


def told(found: Samples, name: str, **labels: str) -> float:
    """The sum of the samples of a name that have these labels."""
    return sum(
        value
        for (sample, of), value in found.items()
        if sample == f"openwebui_usage_{name}" and labels.items() <= dict(of).items()
    )


class TestWhatIsTold:
    def test_tokens_each_in_one_type(self, store: Store) -> None:
        usage = TokenUsage(input=100, cached_input=60, cache_write=10, completion=50, reasoning=20, output=50)
        record(store, "gpt-4o", usage=usage)
        found = samples(store.metric_sums(10), store)
        types = {"input": 30, "cached_input": 60, "cache_write": 10, "output": 30, "reasoning": 20}
        for type_, tokens in types.items():
            of = {"model": "gpt-4o", "type": type_, "kind": "chat"}
            assert told(found, "tokens_total", **of) == tokens
        assert told(found, "tokens_total") == 150

    def test_calls_costs_and_what_has_no_price(self, store: Store) -> None:
        record(store, "gpt-4o", "gpt-4o", "mystery")
        record(store, "gpt-4o", outcome="error")
        found = samples(store.metric_sums(10), store)
        assert told(found, "calls_total", model="gpt-4o", outcome="done") == 2
        assert told(found, "calls_total", outcome="error") == 1
        assert told(found, "unpriced_calls_total", model="mystery") == 1
        assert told(found, "unpriced_calls_total", model="gpt-4o") == 0
        assert told(found, "cost_usd_total", model="gpt-4o") == pytest.approx(3 * (10 * 2.5 + 5 * 10) / 1e6)

    def test_durations_as_histograms(self, store: Store) -> None:
        now = time.time()
        for seconds in (0.2, 3.0, 3.0, 30.0):
            record(store, "gpt-4o", at=now, duration=seconds, first_token_after=seconds / 10)
        record(store, "gpt-4o", at=now, duration=99.0, outcome="error")
        store.upkeep(Retention()).round()  # It begins to make histograms.
        found = samples(store.metric_sums(10), store, now)
        of = {"model": "gpt-4o"}
        buckets = {bound: told(found, "call_duration_seconds_bucket", le=bound, **of) for bound in ("0.25", "5", "40")}
        assert buckets == {"0.25": 1, "5": 3, "40": 4}
        assert told(found, "call_duration_seconds_bucket", le="+Inf", **of) == 4
        assert told(found, "call_duration_seconds_count", **of) == 4
        assert told(found, "call_duration_seconds_sum", **of) == pytest.approx(36.2, rel=0.05)
        assert told(found, "time_to_first_token_seconds_bucket", le="0.5", **of) == 3

    def test_limits_and_when_they_begin_anew(self, store: Store) -> None:
        store.create_group("GPT", ["gpt-*"], 100, counting="billed", period="day")
        store.create_budget(Budget("", "Company", 2_000_000_000, unit="usd"))
        store.create_budget(Budget("", "Each", 5, scope=Scope("each_user")))
        store.create_budget(Budget("", "Counted", None))
        record(store, "gpt-4o", at=NOW)
        found = samples(store.metric_sums(10), store)
        of = {"budget": "GPT", "type": "group", "unit": "tokens"}
        assert told(found, "budget_limit", **of) == 100
        assert told(found, "budget_used", **of) == 15
        midnight = NOW - NOW % DAY + DAY
        assert told(found, "budget_resets_timestamp_seconds", **of) == midnight
        assert told(found, "budget_limit", budget="Company", unit="usd") == 2
        names = {dict(labels)["budget"] for name, labels in found if name == "openwebui_usage_budget_limit"}
        assert names == {"GPT", "Company"}
        assert not any(dict(labels).get("budget") == "Company" for name, labels in found if "resets" in name)

    def test_refusals_by_the_name_of_the_limit(self, store: Store) -> None:
        store.create_budget(Budget("", "Company", 5))
        [budget] = store.budgets()
        pending = PendingRefusals()
        for _ in range(3):
            pending.note(CallInfo("gpt-4o", "gpt-4o", "u1"), [], budget, 5)
        pending.write(store.add_refusals)
        refuse(store, "gone", 2)
        store.update_budget("Company", {"name": "All of us"})
        found = samples(store.metric_sums(10), store, time.time())
        assert told(found, "refusals_total", limit="All of us", type="budget") == 3
        assert told(found, "refusals_total", limit="gone") == 2

    def test_nothing_tells_of_a_user(self, store: Store) -> None:
        store.create_budget(Budget("", "Each", 5, scope=Scope("each_user")))
        record(store, "gpt-4o")
        assert "u1" not in str(samples(store.metric_sums(10), store))


class TestLabels:
    def test_models_beyond_are_one_and_the_first_ones_stay(self, store: Store) -> None:
        record(store, "first")
        record(store, "second")
        sums = store.metric_sums(2)
        before = samples(sums, store)
        for _ in range(3):
            record(store, "third", "fourth")
        after = samples(sums, store)
        models = {dict(labels)["model"] for name, labels in after if name == "openwebui_usage_calls_total"}
        assert models == {"first", "second", "other"}
        assert told(after, "calls_total", model="other") == 6
        assert all(after[key] >= value for key, value in before.items())


class TestOverTime:
    def grow(self, store: Store, sums: MetricSums, now: float, last: Samples) -> Samples:
        found = samples(sums, store, now)
        fallen = {key for key, value in last.items() if "_total" in key[0] or "_bucket" in key[0]} - found.keys()
        assert fallen == set()
        for (name, labels), value in last.items():
            if name.endswith(("_total", "_bucket", "_count")):
                assert found[name, labels] >= value - 1e-9, (name, labels)
        return found

    def test_counters_grow_while_sums_are_folded_and_rows_removed(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A process that goes on and one that begins anew tell the same at each moment."""
        monkeypatch.setattr(metric_sums, "_SETTLED_AFTER", 96)
        monkeypatch.setattr("openwebui_usage.ledger.upkeep._LONGEST_REST", 0.0)
        clock = [NOW]
        monkeypatch.setattr(time, "time", lambda: clock[0])
        sums = store.metric_sums(10)
        upkeep = store.upkeep(Retention())
        last: Samples = {}
        for day in range(0, 6, 2):
            clock[0] = NOW + day * DAY
            record(store, "gpt-4o", "o3", at=clock[0], duration=float(1 + day), first_token_after=0.5)
            refuse(store, "Company", 2)
            last = self.grow(store, sums, clock[0] + 1, last)
            upkeep.round()
            clock[0] += 2 * 3600
            upkeep.round()
            last = self.grow(store, sums, clock[0], last)
            assert samples(store.metric_sums(10), store, clock[0]) == last
        assert told(last, "calls_total") == told(last, "call_duration_seconds_count") == 6
        assert told(last, "refusals_total") == 6
        assert sums._settled.durations_until > 0
        assert sums._settled.refused_until > 0

    def test_a_scrape_reads_no_old_rows(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("openwebui_usage.ledger.upkeep._LONGEST_REST", 0.0)
        clock = [NOW]
        monkeypatch.setattr(time, "time", lambda: clock[0])
        upkeep = store.upkeep(Retention())
        record(store, *["gpt-4o"] * 5, at=NOW)
        clock[0] = NOW + 12 * DAY
        upkeep.round()
        sums = store.metric_sums(10)
        samples(sums, store, clock[0])
        statements: list[str] = []
        event.listen(store._engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
        samples(sums, store, clock[0] + 15)
        of_rows = [statement for statement in statements if "usage_call " in statement]
        assert all(f"started_at >= {int(NOW)}" not in statement for statement in of_rows)
        assert len(statements) < 30


@pytest.fixture(scope="module")
def router(tmp_path_factory: pytest.TempPathFactory) -> Router:
    router = Router(tmp_path_factory.mktemp("metrics"))
    router.store.migrate()
    router.record("gpt-4o", "o3")
    return router


class TestAnswers:
    def scrape(self, router: Router, token: str | None, accept: str = "") -> Any:
        with router.client(token) as client:
            return client.http.get("/api/usage/metrics", headers={"Accept": accept})

    @pytest.mark.parametrize(
        ("token", "status"),
        [("admin", 200), (METRICS_TOKEN, 200), ("user", 403), (f"{METRICS_TOKEN}s", 401), (None, 401)],
    )
    def test_admins_and_the_token_may_read_it(self, router: Router, token: str | None, status: int) -> None:
        assert self.scrape(router, token).status_code == status

    def test_a_token_from_a_file_has_a_lines_end(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tests.support.router.METRICS_TOKEN", f" {METRICS_TOKEN}\n")
        router = Router(tmp_path)
        router.store.migrate()
        assert self.scrape(router, METRICS_TOKEN).status_code == 200
        assert self.scrape(router, "nobody").status_code == 401

    def test_the_token_is_for_nothing_else(self, router: Router) -> None:
        with router.client(METRICS_TOKEN) as client:
            assert client.http.get("/api/usage/health").status_code == 401
            assert client.http.post("/api/usage/metrics").status_code == 405

    def test_it_is_what_prometheus_reads(self, router: Router) -> None:
        answer = self.scrape(router, METRICS_TOKEN)
        assert answer.headers["content-type"].startswith("text/plain; version=")
        assert answer.headers["cache-control"] == "no-store"
        found = parsed(answer.text)
        assert told(found, "calls_total") == 2
        assert told(found, "ledger_up") == 1
        open_metrics = self.scrape(router, METRICS_TOKEN, "application/openmetrics-text; version=1.0.0")
        assert open_metrics.headers["content-type"].startswith("application/openmetrics-text")
        assert open_metrics.text.endswith("# EOF\n")


class TestExposition:
    def test_many_scrapes_at_once_read_the_ledger_once(self, store: Store) -> None:
        reads = []

        def read() -> Any:
            reads.append(1)
            time.sleep(0.05)
            return store.metric_sums(5).read(store.definitions())

        async def main() -> None:
            exposition = Exposition(read, worker)
            answers = await asyncio.gather(*(exposition.answer("") for _ in range(20)))
            assert len({body for body, _ in answers}) == 1
            await exposition.answer("")

        asyncio.run(main())
        assert len(reads) == 1

    def test_while_the_ledger_is_away_the_rest_is_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(metrics, "FRESH_SECONDS", -1.0)

        def read() -> Any:
            raise OSError("away")

        async def main() -> Samples:
            body, _ = await Exposition(read, worker).answer("")
            return parsed(body.decode())

        found = asyncio.run(main())
        assert told(found, "ledger_up") == 0
        assert told(found, "spool_rows") == 3
        assert told(found, "writer_lag_seconds") == 2.5
        assert told(found, "redis_up") == 0
        assert ("openwebui_usage_build_info", (("version", "1.2.3"),)) in found
        assert not any("calls_total" in name for name, _ in found)

    def test_without_redis_it_is_not_told(self) -> None:
        assert "openwebui_usage_redis_up" not in {metric.name for metric in of_worker(WorkerState("1"))}


async def worker() -> WorkerState:
    return WorkerState("1.2.3", spool_rows=3, rejected_rows=0, writer_lag=2.5, redis_up=False)


def test_a_histogram_keeps_all_durations_within_their_error() -> None:
    durations = [0.0, 0.0004, 0.1, 0.9, 1.2, 7.0, 500.0]
    found = histogram_of(durations)
    assert cumulative(found, (0.001, 1.0, 10.0)) == [2, 4, 6]
    assert sum_of(found) == pytest.approx(sum(durations), rel=0.05)
