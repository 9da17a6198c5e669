"""Posts a report as CSV to the webhook when a day, week or month is over.

The report is put into the outbox in the transaction that remembers its period, so it is posted once for the whole
deployment, and signed and tried again like every notice. Where nothing ran when a period ended, its report is sent at
the next start; of several such periods only the latest.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from openwebui_usage.api.answers.reports import report_columns, report_table
from openwebui_usage.api.exports import MEDIA_TYPES, encode
from openwebui_usage.ledger import Store
from openwebui_usage.ledger.outbox import Document
from openwebui_usage.ledger.report_query import MOST_GROUPED_BY, REPORT_DIMENSIONS, Dimension, ReportQuery
from openwebui_usage.ledger.report_sums import TooManyRows
from openwebui_usage.rules.periods import zone_of
from openwebui_usage.rules.schedules import SCHEDULES, ReportPeriod, Schedule, latest_period
from openwebui_usage.runtime import Runtime
from openwebui_usage.settings import Settings

CHECK_SECONDS = 30.0
MOST_ROWS, MOST_TOP = 100_000, 1000
"""A report with more rows than that has those of the first so many, and the rest in one: it is kept in the outbox, and
posted as a whole."""
DELAY = timedelta(minutes=15)
"""After the end of a period, so that most calls that began in it have ended, too."""


@dataclass(frozen=True, slots=True)
class ReportSchedule:
    """What is sent, and when."""

    schedule: Schedule
    group_by: tuple[Dimension, ...] = ("user", "model")
    timezone: str = "UTC"

    @classmethod
    def of(cls, settings: Settings) -> ReportSchedule | None:
        """None where no reports are wanted. Raises ValueError that begins with the variable that is wrong."""
        wanted = settings.report_schedule.strip().lower()
        if not wanted:
            return None
        schedule = next((known for known in SCHEDULES if known == wanted), None)
        if schedule is None:
            raise ValueError(
                f"OPENWEBUI_USAGE_REPORT_SCHEDULE: must be {', '.join(SCHEDULES[:-1])} or {SCHEDULES[-1]}, or empty "
                f"for no reports (got {settings.report_schedule!r})"
            )
        if not settings.webhook_url:
            raise ValueError(
                "OPENWEBUI_USAGE_REPORT_SCHEDULE: needs OPENWEBUI_USAGE_WEBHOOK_URL, where reports are posted"
            )
        return cls(schedule, _dimensions(settings.report_by), _zone(settings.report_timezone))


class ScheduledReports:
    """The reports of one deployment. Any number of workers may have one."""

    def __init__(self, store: Store, wanted: ReportSchedule) -> None:
        """Touches nothing yet."""
        self._store = store
        self._wanted = wanted
        self._sent = store.sent_reports(wanted.schedule)

    def start(self, runtime: Runtime) -> None:
        """Look every now and then whether a report is due, for as long as `runtime` runs."""

        async def work() -> None:
            await asyncio.to_thread(self.round)

        runtime.every(CHECK_SECONDS, work, "reports")

    def round(self, now: datetime | None = None) -> bool:
        """Put a report into the outbox if one is due. Returns whether that was done. Blocks."""
        wanted = self._wanted
        period = latest_period(wanted.schedule, wanted.timezone, (now or datetime.now(UTC)) - DELAY)
        sent_until = self._sent.until()
        if sent_until is None:
            self._sent.begin(period.time.end)
            return False
        if sent_until >= period.time.end:
            return False
        # Made before the transaction that sends it: a report of thousands of rows would keep calls from being written.
        return self._sent.send(period.time.end, self._report(period))

    def _report(self, period: ReportPeriod) -> Document:
        query = ReportQuery(period.time, group_by=self._wanted.group_by)
        try:
            report = self._store.reports.answer(query, MOST_ROWS)
        except TooManyRows:
            report = self._store.reports.answer(replace(query, top=MOST_TOP))
        table = report_table(report)
        body = b"".join(encode(report_columns(query), table, "csv")).decode()
        return Document(body, MEDIA_TYPES["csv"], f"usage-{period.name}.csv")


def schedule_reports(store: Store, runtime: Runtime, settings: Settings) -> None:
    """Send reports as the settings say. Raises ValueError that begins with the variable that is wrong."""
    wanted = ReportSchedule.of(settings)
    if wanted is not None:
        ScheduledReports(store, wanted).start(runtime)


def _dimensions(text: str) -> tuple[Dimension, ...]:
    names = dict.fromkeys(name.strip() for name in text.split(",") if name.strip())
    known: dict[str, Dimension] = {name: name for name in REPORT_DIMENSIONS}
    if len(names) > MOST_GROUPED_BY or not names.keys() <= known.keys():
        raise ValueError(
            f"OPENWEBUI_USAGE_REPORT_BY: must be up to {MOST_GROUPED_BY} of {', '.join(REPORT_DIMENSIONS)}, with a "
            f"comma between (got {text!r})"
        )
    return tuple(known[name] for name in names)


def _zone(name: str) -> str:
    try:
        zone_of(name)
    except (ValueError, OSError, KeyError):
        raise ValueError(
            f"OPENWEBUI_USAGE_REPORT_TIMEZONE: must be an IANA time zone such as Europe/Berlin (got {name!r})"
        ) from None
    return name
