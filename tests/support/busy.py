"""How long each process of a run was busy, and with which files: whether a run that is shared is shared well."""

from __future__ import annotations

import time
from collections import Counter, defaultdict

import pytest

_FILES = 12


class Busy:
    """A plugin of pytest, for the process that reports. Times are seconds, with setting up and tearing down."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._busy: Counter[str] = Counter()
        self._ended: dict[str, float] = {}
        self._files: defaultdict[str, Counter[str]] = defaultdict(Counter)

    @pytest.hookimpl
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        process = getattr(report, "worker_id", "this process")
        self._busy[process] += report.duration
        self._ended[process] = time.monotonic() - self._started
        file = self._files[report.nodeid.split("::")[0]]
        file["seconds"] += report.duration
        file["tests"] += report.when == "call"

    @pytest.hookimpl
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        total = sum(self._busy.values())
        if total < 60:
            return
        terminalreporter.section(f"{total:.0f} s of tests")
        for process in sorted(self._busy):
            busy, ended = self._busy[process], self._ended[process]
            terminalreporter.line(f"{process}: busy for {busy:.0f} s, the last test ended after {ended:.0f} s")
        longest = sorted(self._files.items(), key=lambda item: -item[1]["seconds"])[:_FILES]
        for name, file in longest:
            terminalreporter.line(f"{file['seconds']:7.1f} s  {file['tests']:4} tests  {name}")
