"""What works and what does not: each check in each state, and a look that hangs or fails."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from openwebui_usage.checks import Check, Looks, ledger, looking, plugin, threaded
from openwebui_usage.checks.installation import of_tables
from openwebui_usage.checks.recent_errors import RecentErrors
from openwebui_usage.ledger.deliveries import Delivery
from openwebui_usage.ledger.figures import Figures, PendingNotices, Unpriced
from openwebui_usage.ledger.revision import LedgerRevision

NOW = datetime(2026, 11, 28, 21, 40, tzinfo=UTC)
LEDGER = {
    "state": "ok",
    "since": "2026-11-28T20:00:00Z",
    "reason": None,
    "spool_folder": "/data/usage-spool",
    "spool_rows": 0,
    "memory_rows": 0,
    "rejected_rows": 0,
}
FIGURES = Figures("SQLite 3.45.1", 12_345, 3 * 10**9, NOW.timestamp() - 5, None)
GIGABYTE = 10**9


def of_errors(*ages: float) -> Check:
    errors = RecentErrors()
    for number, age in enumerate(ages):
        record = logging.LogRecord("openwebui_usage.x", logging.WARNING, "", 1, "Bad %s", (number,), None)
        record.created = NOW.timestamp() - age
        errors.emit(record)
    return plugin.of_errors(errors.listed(), NOW)


def script(is_there: bool = True, served: float | None = None, running: float = 7200) -> Check:
    served_at = None if served is None else NOW - timedelta(seconds=served)
    started_at = NOW - timedelta(seconds=running)
    return plugin.of_script(is_there=is_there, served_at=served_at, started_at=started_at, now=NOW)


def of_notices(
    tried: int = 0, most_tries: int = 0, *, last: Delivery | None = None, is_configured: bool = True
) -> Check:
    notices = PendingNotices(tried, NOW.timestamp() if tried else None, most_tries)
    return ledger.of_notices(notices, last, is_configured=is_configured)


TAKEN = Delivery("1", "limit", "GPT", NOW.timestamp(), 1, 204, None)
REFUSED = replace(TAKEN, status=500)
UNREACHED = replace(TAKEN, status=None, error="ConnectError")
ON = plugin.FunctionState(is_installed=True, is_active=True)
OFF = plugin.FunctionState(is_installed=True)
NONE = plugin.FunctionState(is_installed=False)

# A check, the state that it must be in, and words that it must say.
CHECKS: list[tuple[Check, str, str]] = [
    (plugin.of_versions({"Python": "3.11.9", "Open WebUI": "0.12.4"}), "ok", "Python 3.11.9, Open WebUI 0.12.4."),
    (plugin.of_metering(is_running=True), "ok", "metered"),
    (plugin.of_metering(is_running=False), "fail", "not metered"),
    (plugin.of_paths(["a", "b"], {}), "ok", "2 functions"),
    (
        plugin.of_paths(["a"], {"no_status_line": ["main.x", "main.y"]}),
        "warn",
        "without main.x, main.y replies have no status line",
    ),
    (plugin.of_functions({"a": ON, "b": ON}), "ok", "switched on"),
    (plugin.of_functions({"a": ON, "b": OFF}), "ok", "switched off: b"),
    (plugin.of_functions({"a": NONE, "b": OFF}), "warn", "does not list a"),
    (script(served=60), "ok", "21:39 UTC"),
    (script(running=60), "ok", "yet"),
    (script(), "warn", "since 2026-11-28 19:40 UTC"),
    (script(is_there=False), "fail", "missing"),
    (plugin.of_redis(None), "ok", "no Redis"),
    (plugin.of_redis(0.3), "ok", "0.3 ms"),
    (plugin.of_lost_redis("ConnectionError"), "fail", "ConnectionError"),
    (plugin.of_tasks({"gate": None}), "ok", "1 periodic task went"),
    (plugin.of_tasks({"gate": "ValueError: no", "upkeep": None}), "fail", "gate (ValueError: no)"),
    (plugin.of_providers([]), "ok", "No provider"),
    (plugin.of_providers(["m"]), "ok", "1 model"),
    (plugin.of_faults({}), "ok", "No part"),
    (plugin.of_faults({"Effort": 1200}), "warn", "Effort (1,200 times)"),
    (of_errors(), "ok", "no warning"),
    (of_errors(90_000), "ok", "no warning"),
    (
        of_errors(90_000, 7200, 60),
        "warn",
        "2 different warnings in the last 24 hours; the last one at 2026-11-28 21:39 UTC: Bad 2",
    ),
    (ledger.of_ledger(LEDGER), "ok", "2026-11-28T20:00:00Z"),
    (ledger.of_ledger({**LEDGER, "state": "opening"}), "warn", "opened"),
    (ledger.of_ledger({**LEDGER, "state": "spooling", "reason": "the disk is full"}), "fail", "the disk is full"),
    (of_tables(LedgerRevision("0015", "0015", True), "/d/u.db"), "ok", "in /d/u.db is of revision 0015, the newest"),
    (of_tables(LedgerRevision("0014", "0015", True), "/d/u.db"), "warn", "revision 0014, this version makes 0015"),
    (of_tables(LedgerRevision(None, "0015", True), "/d/u.db"), "warn", "no ledger in /d/u.db yet"),
    (of_tables(LedgerRevision("0099", "0015", False), "/d/u.db"), "fail", "newer openwebui-usage (revision 0099)"),
    (ledger.of_spool(LEDGER), "ok", "No call"),
    (ledger.of_spool({**LEDGER, "spool_rows": 1}), "warn", "1 call wait"),
    (ledger.of_spool({**LEDGER, "rejected_rows": 2, "spool_rows": 1}), "warn", "2 calls were set aside"),
    (ledger.of_spool({**LEDGER, "memory_rows": 3, "rejected_rows": 2}), "fail", "3 calls"),
    (ledger.of_size(FIGURES), "ok", "about 12,345 calls, 3.0 GB, in SQLite 3.45.1"),
    (ledger.of_size(replace(FIGURES, size=None)), "ok", "about 12,345 calls, in SQLite"),
    (ledger.of_size(replace(FIGURES, rows=None)), "ok", "unknown number of calls, 3.0 GB"),
    (ledger.of_size(replace(FIGURES, rows=None, size=None)), "ok", "unknown number of calls, in SQLite"),
    (ledger.of_disk(Path("/data"), 50 * GIGABYTE), "ok", "50.0 GB"),
    (ledger.of_disk(Path("/data"), GIGABYTE), "warn", "1.0 GB"),
    (ledger.of_disk(Path("/data"), 10**6), "fail", "1.0 MB"),
    (ledger.of_clock(FIGURES, NOW), "ok", "2026-11-28 21:40:00"),
    (ledger.of_clock(replace(FIGURES, clock=NOW.timestamp() - 100), NOW), "warn", "differ by 100 seconds"),
    (ledger.of_clock(replace(FIGURES, newest=NOW.timestamp() + 3600), NOW), "warn", "3,600 seconds from now"),
    (ledger.of_reports({"folded_until": None, "converted": None}, NOW), "ok", "all calls"),
    (ledger.of_reports({"folded_until": "2026-11-28T20:30:00Z", "converted": None}, NOW), "ok", "all calls"),
    (ledger.of_reports({"folded_until": "2026-11-28T12:00:00Z", "converted": None}, NOW), "warn", "only made up to"),
    (ledger.of_reports({"folded_until": None, "converted": 0.431}, NOW), "warn", "43%"),
    (ledger.of_prices([]), "ok", "have a price"),
    (ledger.of_prices([Unpriced("m", 1)]), "warn", "1 model of the last 30 days has no price: m (1 call)"),
    (ledger.of_prices([Unpriced(f"m{n}", 2) for n in range(7)]), "warn", "and 2 more"),
    (of_notices(), "ok", "Nothing has been posted"),
    (of_notices(is_configured=False), "ok", "no webhook"),
    (of_notices(last=TAKEN), "ok", "HTTP 204, 2026-11-28 21:40 UTC"),
    (of_notices(1, 1, last=TAKEN), "ok", "taken all"),
    (of_notices(last=UNREACHED), "ok", "none (ConnectError), 2026-11-28 21:40 UTC"),
    (of_notices(1, 1, last=REFUSED), "warn", "1 notice, the oldest"),
    (of_notices(2, 7, last=TAKEN), "warn", "up to 7 times"),
    (of_notices(2, 7, last=UNREACHED), "warn", "none (ConnectError)"),
    (of_notices(2, 7), "warn", "Nothing has been posted"),
]


@pytest.mark.parametrize(("check", "state", "words"), CHECKS, ids=[f"{check.id} {state}" for check, state, _ in CHECKS])
def test_a_check_says_how_it_is_and_what_to_do(check: Check, state: str, words: str) -> None:
    assert check.state == state
    assert words in check.text
    assert (check.mend is None) == (state == "ok")
    for text in filter(None, (check.text, check.mend)):
        assert text[0].isupper() or text[0].isdigit()
        assert "  " not in text


def test_each_check_is_tried_in_each_state_that_it_has() -> None:
    """One that never warns, and is never tried to, would say nothing."""
    states: dict[str, set[str]] = {}
    for check, _, _ in CHECKS:
        states.setdefault(check.id, set()).add(check.state)
    assert {id_ for id_, found in states.items() if found == {"ok"}} == {"versions", "providers", "size"}


class TestLooks:
    def test_what_fails_or_hangs_says_so_and_the_rest_is_told(self) -> None:
        release = threading.Event()
        started: list[str] = []

        def hang() -> str:
            started.append("hang")
            release.wait(10)
            return "late"

        async def bad() -> str:
            raise ValueError("no such thing")

        async def good() -> str:
            return "fine"

        async def main() -> None:
            looks = Looks({"good": good, "bad": bad, "hangs": threaded(hang)}, seconds=0.05)

            def shown(text: Any) -> Check:
                return Check("x", "ok", str(text))

            for _ in range(3):
                begun = time.perf_counter()
                seen = await looks.all()
                assert time.perf_counter() - begun < 1
                assert seen.check("x", shown, "good") == Check("x", "ok", "fine")
                failed, hangs = seen.check("x", shown, "bad"), seen.check("x", shown, "good", "hangs")
                assert failed.state == hangs.state == "fail"
                assert "ValueError: no such thing" in failed.text
                assert "did not answer within 0.05 seconds" in hangs.text
                assert (seen.get("good"), seen.get("bad"), seen.get("hangs")) == ("fine", None, None)
            assert started == ["hang"], "what hangs is not begun again and again"
            release.set()
            await asyncio.sleep(0.05)
            assert (await looks.all()).get("hangs") == "late"

        asyncio.run(main())

    def test_what_came_late_is_not_told_hours_later(self, monkeypatch: pytest.MonkeyPatch) -> None:
        release, answers = threading.Event(), iter(["old", "new"])

        def look() -> str:
            answer = next(answers)
            if answer == "old":
                release.wait(5)
            return answer

        async def main() -> None:
            looks = Looks({"it": threaded(look)}, 0.05)
            assert (await looks.all()).get("it") is None
            release.set()
            await asyncio.sleep(0.1)
            now = time.monotonic()
            monkeypatch.setattr(looking, "time", SimpleNamespace(monotonic=lambda: now + 3600))
            assert (await looks.all()).get("it") == "new"

        asyncio.run(main())

    def test_a_look_that_fails_later_is_tried_again(self) -> None:
        answers = iter([ValueError("first"), "second"])

        def look() -> str:
            answer = next(answers)
            if isinstance(answer, Exception):
                raise answer
            return answer

        async def main() -> None:
            looks = Looks({"it": threaded(look)})
            assert (await looks.all()).get("it") is None
            assert (await looks.all()).get("it") == "second"

        asyncio.run(main())


class TestRecentErrors:
    @pytest.fixture
    def errors(self) -> Iterator[RecentErrors]:
        errors = RecentErrors(most=3)
        errors.start()
        yield errors
        errors.stop()

    def test_are_the_warnings_of_this_package(self, errors: RecentErrors) -> None:
        log = logging.getLogger("openwebui_usage.ledger.writer")
        log.info("Nothing to see")
        log.warning("The %s is\nfull", "disk")
        try:
            raise OSError("secret")
        except OSError:
            log.exception("It failed")
        log.warning("The disk is full")
        logging.getLogger("somebody.else").error("Not ours")
        found = [(error.level, error.text, error.times) for error in errors.listed()]
        assert found == [("error", "It failed (OSError)", 1), ("warning", "The disk is full", 2)]

    def test_are_bounded(self, errors: RecentErrors) -> None:
        log = logging.getLogger("openwebui_usage.test")
        for number in range(5):
            log.warning("%s%s", number, "x" * 10_000)
        found = errors.listed()
        assert [error.text[0] for error in found] == ["2", "3", "4"]
        assert max(len(error.text) for error in found) <= 300

    def test_a_line_that_cannot_be_formatted_breaks_nothing(
        self, errors: RecentErrors, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(logging, "raiseExceptions", False)
        logging.getLogger("openwebui_usage.test").warning("%d", "x")
        assert errors.listed() == []

    def test_end_when_the_plugin_does(self, errors: RecentErrors) -> None:
        errors.stop()
        logging.getLogger("openwebui_usage.test").warning("Later")
        assert errors.listed() == []
