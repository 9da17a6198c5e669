"""Checks of the ledger: whether calls reach it, how large it is, and whether its sums and prices are complete."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from openwebui_usage.checks.check import Check, fail, ok, warn
from openwebui_usage.checks.looking import Look, threaded
from openwebui_usage.checks.values import Value, count, figure, rest, size, some_counted, time
from openwebui_usage.ledger import Store
from openwebui_usage.ledger.deliveries import Delivery
from openwebui_usage.ledger.figures import Figures, PendingNotices, Unpriced, unpriced_models

LONG_FOLDING = timedelta(hours=3)
"""Sums of longer spans are made an hour after a quarter of an hour is over."""
LITTLE_ROOM, NO_ROOM = 2_000_000_000, 200_000_000
"""Bytes left on a disk."""
_CLOCK_TOLERANCE = 60.0
"""Seconds."""
_TAKEN = "The webhook has taken all notices."
_UNTAKEN = "The webhook has not taken {n}, the oldest of {oldest}. It was tried up to {tries}."
_NOTHING_POSTED = "Nothing has been posted to it yet."
_ANSWER = "Its last answer: HTTP {status}, {at}."
_NO_ANSWER = "Its last answer: none ({error}), {at}."
_NO_REASON = "no reason is known"
_RECEIVER = "See that the receiver runs and answers with a status of 200 to 299. A notice is tried for a day."


def looks_at_ledger(store: Store) -> dict[str, Look]:
    """What is to be seen of a ledger, whoever writes it."""
    return {
        "figures": threaded(store.figures.read),
        "notices": threaded(store.figures.notices),
        "delivery": threaded(lambda: next(iter(store.deliveries.latest()), None)),
        "unpriced": threaded(lambda: unpriced_models(store.reports, datetime.now(UTC))),
    }


def of_ledger(status: Mapping[str, Any]) -> Check:
    """Whether rows reach the database; `status` is that of `LedgerHealth`."""
    state, since = status["state"], status["since"]
    if state == "ok":
        return ok(
            "ledger", "Calls are written to the ledger, without a break since {since}.", code="written", since=since
        )
    if state == "opening":
        return warn(
            "ledger",
            "The ledger is being opened since {since}. Calls wait until then.",
            "Wait: an upgrade of a large ledger takes minutes.",
            code="opening",
            since=since,
        )
    return fail(
        "ledger",
        "Calls cannot be written since {since}, and wait in {folder}: {reason}",
        "Put right what is named here. Nothing is lost meanwhile, and nothing has to be restarted.",
        code="spooling",
        since=since,
        folder=status["spool_folder"],
        reason=str(status["reason"]),
    )


def of_spool(status: Mapping[str, Any]) -> Check:
    """Whether rows wait outside of the database; `status` is that of `LedgerHealth`."""
    folder = status["spool_folder"]
    if in_memory := int(status["memory_rows"]):
        return fail(
            "spool",
            "{n} can be written neither to the ledger nor to {folder}, and would be lost by a restart.",
            "Make room on the disk of {folder}, and let the user that runs Open WebUI write there.",
            code="in_memory",
            n=count(in_memory, "call"),
            folder=folder,
        )
    if rejected := int(status["rejected_rows"]):
        return warn(
            "spool",
            "{n} were set aside, for the database takes no such values.",
            "Look into {file}, report what you find, and remove the file.",
            code="rejected",
            n=count(rejected, "call"),
            file=str(Path(folder) / "rejected.jsonl"),
        )
    if waiting := int(status["spool_rows"]):
        return warn(
            "spool",
            "{n} wait in {folder} to be counted.",
            "Wait: they are counted as soon as the ledger can be written.",
            code="waiting",
            n=count(waiting, "call"),
            folder=folder,
        )
    return ok("spool", "No call waits outside of the ledger.", code="empty")


def of_size(figures: Figures) -> Check:
    """How much there is."""
    rows, bytes_, database = figures.rows, figures.size, figures.database
    if rows is not None and bytes_ is not None:
        return ok(
            "size",
            "The ledger has about {n}, {bytes}, in {database}.",
            code="known",
            n=count(rows, "call"),
            bytes=size(bytes_),
            database=database,
        )
    if rows is not None:
        return ok(
            "size",
            "The ledger has about {n}, in {database}.",
            code="no_bytes",
            n=count(rows, "call"),
            database=database,
        )
    if bytes_ is not None:
        return ok(
            "size",
            "The ledger has an unknown number of calls, {bytes}, in {database}.",
            code="no_rows",
            bytes=size(bytes_),
            database=database,
        )
    return ok("size", "The ledger has an unknown number of calls, in {database}.", code="unknown", database=database)


def of_disk(folder: Path, free: int) -> Check:
    """Whether there is room; `free` is in bytes."""
    bytes_, where = size(free), str(folder)
    if free < NO_ROOM:
        return fail(
            "disk",
            "{bytes} are free where {folder} is.",
            "Make room, or calls can be kept nowhere while the database is away.",
            code="full",
            bytes=bytes_,
            folder=where,
        )
    if free < LITTLE_ROOM:
        return warn(
            "disk",
            "{bytes} are free where {folder} is.",
            "Make room before it is used up.",
            code="little",
            bytes=bytes_,
            folder=where,
        )
    return ok("disk", "{bytes} are free where {folder} is.", code="free", bytes=bytes_, folder=where)


def of_clock(figures: Figures, now: datetime) -> Check:
    """Whether clocks agree: the process's, the database's, and those of all that wrote calls."""
    moment = now.timestamp()
    if figures.clock is not None and abs(figures.clock - moment) > _CLOCK_TOLERANCE:
        return warn(
            "clock",
            "The clocks of Open WebUI and of its database differ by {seconds}.",
            "Let both machines keep the time by NTP: periods begin by the clock of Open WebUI.",
            code="apart",
            seconds=figure(abs(figures.clock - moment), "{:,.0f} seconds"),
        )
    if figures.newest is not None and figures.newest > moment + _CLOCK_TOLERANCE:
        return warn(
            "clock",
            "The newest call began {seconds} from now: some clock is or was wrong.",
            "Let all machines that run Open WebUI keep the time by NTP.",
            code="ahead",
            seconds=figure(figures.newest - moment, "{:,.0f} seconds"),
        )
    return ok(
        "clock",
        "It is {utc} in UTC; the server's own time zone is {zone}.",
        code="right",
        utc=time(now, "%Y-%m-%d %H:%M:%S"),
        zone=now.astimezone().tzname() or "UTC",
    )


def of_reports(status: Mapping[str, Any], now: datetime) -> Check:
    """Whether reports are complete and fast; `status` is that of `Upkeep`."""
    converted, folded = status["converted"], status["folded_until"]
    if converted is not None:
        return warn(
            "reports",
            "Calls of an older version are made ready for reports: {share} of their time so far.",
            "Wait: it goes on while the server runs, and after a restart where it was.",
            code="converting",
            share=figure(converted, "{:.0%}"),
        )
    if folded is not None and now - datetime.fromisoformat(folded) > LONG_FOLDING:
        return warn(
            "reports",
            "Sums for reports are only made up to {until}. Reports are exact, but slow.",
            "See whether the task `upkeep` fails, and restart Open WebUI.",
            code="behind",
            until=folded,
        )
    return ok("reports", "Reports know all calls.", code="complete")


def of_prices(unpriced: Sequence[Unpriced]) -> Check:
    """Whether the models that were called lately have prices."""
    if not unpriced:
        return ok("prices", "All models that were called in the last 30 days have a price.", code="complete")
    calls = {each.model: each.calls for each in unpriced}
    return warn(
        "prices",
        "{n} no price: {unpriced}{more}. Reports and budgets in dollars count these calls as nothing.",
        "Set a price, 0 where it costs nothing: PUT /api/usage/prices, or Prices on the admin page.",
        code="missing",
        n=count(len(unpriced), "model of the last 30 days has", "models of the last 30 days have"),
        unpriced=some_counted(calls, "call"),
        more=rest(calls),
    )


def of_notices(notices: PendingNotices, last: Delivery | None, *, is_configured: bool) -> Check:
    """Whether the webhook takes what is posted; `last` is the last try, of any worker."""
    if not is_configured:
        return ok("webhook", "There is no webhook: nobody is told of crossed limits.", code="none")
    # A notice that is tried for the first time may be under way at this moment.
    if not notices.tried or (notices.most_tries == 1 and (last is None or is_taken(last))):
        return _of_taken_notices(last)
    return _of_untaken_notices(notices, last)


def is_taken(delivery: Delivery) -> bool:
    """Whether the receiver took it."""
    return delivery.status is not None and 200 <= delivery.status < 300


def _of_taken_notices(last: Delivery | None) -> Check:
    if last is None:
        return ok("webhook", f"{_TAKEN} {_NOTHING_POSTED}", code="unused")
    at = time(last.at)
    if last.status is None:
        return ok("webhook", f"{_TAKEN} {_NO_ANSWER}", code="unanswered", error=last.error or _NO_REASON, at=at)
    return ok("webhook", f"{_TAKEN} {_ANSWER}", code="answered", status=str(last.status), at=at)


def _of_untaken_notices(notices: PendingNotices, last: Delivery | None) -> Check:
    n = count(notices.tried, "notice")
    oldest = "an unknown time" if notices.oldest is None else time(notices.oldest)
    told: dict[str, Value | str] = {"n": n, "oldest": oldest, "tries": count(notices.most_tries, "time")}
    if last is None:
        return warn("webhook", f"{_UNTAKEN} {_NOTHING_POSTED}", _RECEIVER, code="unused", **told)
    told["at"] = time(last.at)
    if last.status is None:
        told["error"] = last.error or _NO_REASON
        return warn("webhook", f"{_UNTAKEN} {_NO_ANSWER}", _RECEIVER, code="unanswered", **told)
    told["status"] = str(last.status)
    return warn("webhook", f"{_UNTAKEN} {_ANSWER}", _RECEIVER, code="answered", **told)
