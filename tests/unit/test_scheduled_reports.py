"""Scheduled reports: which time each is of, that it is posted once, signed and whole, and what becomes of mistakes."""

# ruff: noqa: F811 - fixtures

from __future__ import annotations

import asyncio
import csv
import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine
from standardwebhooks import Webhook

from openwebui_usage import scheduled_reports as module
from openwebui_usage.client.standalone import Standalone
from openwebui_usage.client.storage import Place
from openwebui_usage.ledger import Store
from openwebui_usage.ledger.cubes import QUARTER
from openwebui_usage.rules.pricing import Price
from openwebui_usage.rules.schedules import SCHEDULES, Schedule, latest_period
from openwebui_usage.rules.tokens import TokenUsage
from openwebui_usage.runtime import Runtime
from openwebui_usage.scheduled_reports import DELAY, ReportSchedule, ScheduledReports
from openwebui_usage.settings import ClientSettings, Settings, SettingsError
from openwebui_usage.webhook import signature
from tests.support.process import wait_until
from tests.support.recorder import call_row
from tests.unit.test_ledger import NewEngine, engine, new_engine, store, url  # noqa: F401 - fixtures
from tests.unit.test_webhook_notices import Receiver, posting, receiver, short_waits, until_empty  # noqa: F401

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MONTHLY = ReportSchedule("monthly")
NOVEMBER = datetime(2026, 11, 20, 12, tzinfo=UTC)
DECEMBER = datetime(2026, 12, 1, tzinfo=UTC) + DELAY


def use(store: Store, at: datetime, user: str = "ann", tokens: int = 100) -> None:
    row = call_row(
        "gpt-4o",
        started_at=at.timestamp(),
        user_id=user,
        user_name=user.title(),
        usage=TokenUsage(input=tokens, completion=10, output=10),
    )
    store.record([row])


def rows(body: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(body.decode(), newline="")))


def names(receiver: Receiver) -> list[str]:
    return [headers["content-disposition"].split('"')[1] for headers in receiver.headers]


class TestPeriods:
    @pytest.mark.parametrize(
        ("schedule", "moment", "name", "start", "end"),
        [
            ("daily", "2026-11-28T00:00:00+01:00", "2026-11-27", "2026-11-27T00:00+01:00", "2026-11-28T00:00+01:00"),
            ("daily", "2026-11-28T23:59:59+01:00", "2026-11-27", "2026-11-27T00:00+01:00", "2026-11-28T00:00+01:00"),
            ("daily", "2026-03-30T08:00:00+02:00", "2026-03-29", "2026-03-29T00:00+01:00", "2026-03-30T00:00+02:00"),
            ("daily", "2026-10-26T08:00:00+01:00", "2026-10-25", "2026-10-25T00:00+02:00", "2026-10-26T00:00+01:00"),
            ("weekly", "2026-11-28T12:00:00+01:00", "2026-W47", "2026-11-16T00:00+01:00", "2026-11-23T00:00+01:00"),
            ("weekly", "2027-01-05T12:00:00+01:00", "2026-W53", "2026-12-28T00:00+01:00", "2027-01-04T00:00+01:00"),
            ("monthly", "2026-12-01T00:00:00+01:00", "2026-11", "2026-11-01T00:00+01:00", "2026-12-01T00:00+01:00"),
            ("monthly", "2026-11-30T23:59:59+01:00", "2026-10", "2026-10-01T00:00+02:00", "2026-11-01T00:00+01:00"),
            ("monthly", "2027-01-31T00:00:00+01:00", "2026-12", "2026-12-01T00:00+01:00", "2027-01-01T00:00+01:00"),
        ],
    )
    def test_are_those_of_the_zone(self, schedule: Schedule, moment: str, name: str, start: str, end: str) -> None:
        period = latest_period(schedule, "Europe/Berlin", datetime.fromisoformat(moment))
        assert period.name == name
        told = [datetime.fromtimestamp(quarter * QUARTER, UTC) for quarter in (period.time.start, period.time.end)]
        assert told == [datetime.fromisoformat(start), datetime.fromisoformat(end)]

    def test_a_day_that_a_zone_left_out_is_no_period(self) -> None:
        period = latest_period("daily", "Pacific/Apia", datetime(2011, 12, 31, 1, tzinfo=ZoneInfo("Pacific/Apia")))
        assert period.name == "2011-12-29"

    @given(
        st.sampled_from(SCHEDULES),
        st.sampled_from(["UTC", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu", "America/Sao_Paulo"]),
        st.datetimes(datetime(1990, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC)),
    )
    def test_follow_each_other_without_a_gap(self, schedule: Schedule, zone: str, moment: datetime) -> None:
        latest = latest_period(schedule, zone, moment)
        assert latest.time.start < latest.time.end <= moment.timestamp() / QUARTER
        start = datetime.fromtimestamp(latest.time.start * QUARTER, UTC)
        before = latest_period(schedule, zone, start)
        assert (before.time.end, before.name < latest.name) == (latest.time.start, True)


class TestAReport:
    def test_is_posted_as_a_signed_file_when_its_period_is_over(self, store: Store, receiver: Receiver) -> None:
        store.put_price(Price("*"))
        reports = ScheduledReports(store, MONTHLY)
        assert not reports.round(NOVEMBER), "the schedule comes into force"
        use(store, NOVEMBER)
        use(store, NOVEMBER, user="=bob", tokens=7)
        use(store, DECEMBER)
        assert not reports.round(DECEMBER - timedelta(seconds=1))
        receiver.statuses = [503]
        with posting(store, receiver.url, SECRET):
            assert reports.round(DECEMBER)
            until_empty(store)
        assert [status for status, _, _ in receiver.posts] == [503, 204], "tried again like a notice"
        for (_, body, sent), headers in zip(receiver.posts, receiver.headers, strict=True):
            assert headers["content-type"] == "text/csv; charset=utf-8"
            assert headers["content-disposition"] == 'attachment; filename="usage-2026-11.csv"'
            assert sent == signature(body, SECRET)
            Webhook(SECRET).verify(body, headers, json_parse=False)
            assert [(row["start"], row["user"], row["model"], row["in"]) for row in rows(body)] == [
                ("2026-11-01T00:00:00+00:00", "Ann", "gpt-4o", "100"),
                ("2026-11-01T00:00:00+00:00", "'=Bob", "gpt-4o", "7"),
            ]
        assert len({headers["webhook-id"] for headers in receiver.headers}) == 1

    def test_without_calls_has_its_columns(self, store: Store, receiver: Receiver) -> None:
        reports = ScheduledReports(store, ReportSchedule("monthly", ("user_group",)))
        reports.round(NOVEMBER)
        reports.round(DECEMBER)
        with posting(store, receiver.url):
            until_empty(store)
        [(_, body, _)] = receiver.posts
        assert body.decode().startswith("start,user_group,user_group_id,calls,in,out,")
        assert rows(body) == []

    def test_waits_among_notices(self, store: Store, receiver: Receiver) -> None:
        store.create_group("all", ["*"], 100, "documented", soft_limits=())
        with posting(store, receiver.url):
            use(store, NOVEMBER)
            reports = ScheduledReports(store, MONTHLY)
            reports.round(NOVEMBER)
            reports.round(DECEMBER)
            until_empty(store)
        types = sorted(headers["content-type"] for headers in receiver.headers)
        assert types == ["application/json", "text/csv; charset=utf-8"]


class TestSentOnce:
    def test_however_often_it_is_looked_at(self, store: Store, receiver: Receiver) -> None:
        reports = ScheduledReports(store, MONTHLY)
        rounds = [reports.round(moment) for moment in (NOVEMBER, DECEMBER, DECEMBER, DECEMBER + timedelta(days=3))]
        assert rounds == [False, True, False, False]

    def test_after_a_restart(self, store: Store, new_engine: NewEngine, receiver: Receiver) -> None:
        ScheduledReports(store, MONTHLY).round(NOVEMBER)
        ScheduledReports(store, MONTHLY).round(DECEMBER)
        again = Store(new_engine())
        assert not ScheduledReports(again, MONTHLY).round(DECEMBER)
        with posting(again, receiver.url):
            until_empty(again)
        assert names(receiver) == ["usage-2026-11.csv"]

    def test_of_all_periods_that_ended_while_nothing_ran_the_latest(self, store: Store, receiver: Receiver) -> None:
        ScheduledReports(store, MONTHLY).round(NOVEMBER)
        reports = ScheduledReports(store, MONTHLY)
        assert reports.round(DECEMBER + timedelta(days=70))
        assert not reports.round(DECEMBER + timedelta(days=70))
        with posting(store, receiver.url):
            until_empty(store)
        assert names(receiver) == ["usage-2027-01.csv"]

    def test_by_many_workers_at_once(self, store: Store, new_engine: NewEngine, receiver: Receiver) -> None:
        use(store, NOVEMBER)
        workers = [ScheduledReports(Store(new_engine()), MONTHLY) for _ in range(4)]
        workers[0].round(NOVEMBER)
        start, sent = threading.Barrier(len(workers)), list[bool]()

        def work(reports: ScheduledReports) -> None:
            start.wait()
            sent.append(reports.round(DECEMBER))

        threads = [threading.Thread(target=work, args=(reports,)) for reports in workers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(sent) == [False, False, False, True]
        with posting(store, receiver.url):
            until_empty(store)
        assert names(receiver) == ["usage-2026-11.csv"]

    def test_each_day_of_a_zone_whatever_its_length(self, store: Store, receiver: Receiver) -> None:
        """Hour by hour over a change of clocks: each day is sent, none twice, and together they have every call."""
        moment = datetime(2026, 10, 23, 22, 30, tzinfo=UTC)
        reports = ScheduledReports(store, ReportSchedule("daily", (), "Europe/Berlin"))
        for _ in range(24 * 4):
            reports.round(moment)
            use(store, moment)
            moment += timedelta(hours=1)
        with posting(store, receiver.url):
            until_empty(store)
        told = {name: rows(body)[0] for name, (_, body, _) in zip(names(receiver), receiver.posts, strict=True)}
        assert {name: row["calls"] for name, row in told.items()} == {
            "usage-2026-10-24.csv": "24",
            "usage-2026-10-25.csv": "25",
            "usage-2026-10-26.csv": "24",
        }
        assert told["usage-2026-10-26.csv"]["start"] == "2026-10-26T00:00:00+01:00"

    def test_a_new_schedule_sends_nothing_of_the_time_before_it(self, store: Store) -> None:
        monthly = ScheduledReports(store, MONTHLY)
        monthly.round(NOVEMBER)
        daily = ScheduledReports(store, ReportSchedule("daily"))
        assert [daily.round(NOVEMBER), daily.round(NOVEMBER + timedelta(days=1))] == [False, True]
        assert monthly.round(DECEMBER), "each schedule goes by itself"


class TestSettings:
    def test_without_a_schedule_there_is_none(self) -> None:
        assert ReportSchedule.of(Settings(webhook_url="http://x", report_by="nonsense")) is None

    def test_say_what_is_sent(self) -> None:
        settings = Settings(
            webhook_url="http://x",
            report_schedule=" Weekly ",
            report_by="user_group, model,model",
            report_timezone="Asia/Kathmandu",
        )
        assert ReportSchedule.of(settings) == ReportSchedule("weekly", ("user_group", "model"), "Asia/Kathmandu")

    @pytest.mark.parametrize(
        ("variable", "values"),
        [
            ("SCHEDULE", {"report_schedule": "hourly"}),
            ("SCHEDULE", {"report_schedule": "daily", "webhook_url": None}),
            ("BY", {"report_schedule": "daily", "report_by": "user,nonsense"}),
            ("BY", {"report_schedule": "daily", "report_by": "user,model,kind"}),
            ("TIMEZONE", {"report_schedule": "daily", "report_timezone": "Berlin"}),
            ("TIMEZONE", {"report_schedule": "daily", "report_timezone": ""}),
            ("TIMEZONE", {"report_schedule": "daily", "report_timezone": "../../etc/passwd"}),
        ],
    )
    def test_a_mistake_names_its_variable(self, variable: str, values: dict[str, str | None]) -> None:
        with pytest.raises(ValueError, match=f"^OPENWEBUI_USAGE_REPORT_{variable}: "):
            ReportSchedule.of(Settings(**{"webhook_url": "http://x", **values}))  # type: ignore[arg-type]

    def test_a_token_client_of_its_own_does_not_start_with_a_mistake(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("OPENWEBUI_USAGE_REPORT_SCHEDULE", "sometimes")
        with pytest.raises(SettingsError, match=r"^OPENWEBUI_USAGE_REPORT_SCHEDULE: .*'sometimes'"):
            Standalone(Place(f"sqlite:///{tmp_path}/usage.db"), ClientSettings())


@contextmanager
def frequent(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setattr(module, "CHECK_SECONDS", 0.02)
        yield


def test_a_process_sends_what_it_missed(
    store: Store, tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    long_ago = latest_period("monthly", "UTC", NOVEMBER).time.end - 96 * 62
    store.sent_reports("monthly").begin(long_ago)
    settings = Settings(webhook_url=receiver.url, report_schedule="monthly")
    runtime = Runtime(store, tmp_path / "spool", settings)

    async def scenario() -> None:
        with frequent(monkeypatch):
            module.schedule_reports(store, runtime, settings)
        async with runtime:
            await asyncio.to_thread(wait_until, lambda: receiver.posts, timeout=10, what="a report was posted")
            assert runtime.health()["tasks"]["reports"] is None

    asyncio.run(scenario())
    assert names(receiver) == [f"usage-{latest_period('monthly', 'UTC', datetime.now(UTC) - DELAY).name}.csv"]


def test_while_the_ledger_is_away_the_report_waits(store: Store, engine: Engine) -> None:
    reports = ScheduledReports(store, MONTHLY)
    reports.round(NOVEMBER)
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE usage_notice RENAME TO gone")
    with pytest.raises(Exception, match="usage_notice"):
        reports.round(DECEMBER)
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE gone RENAME TO usage_notice")
    assert reports.round(DECEMBER)
