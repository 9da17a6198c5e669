"""Checks of the ledger: whether calls reach it, how large it is, and whether its sums and prices are complete."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from openwebui_usage.checks.check import Check, counted, fail, listed, ok, warn
from openwebui_usage.checks.looking import Look, threaded
from openwebui_usage.ledger import Store
from openwebui_usage.ledger.deliveries import Delivery
from openwebui_usage.ledger.figures import Figures, PendingNotices, Unpriced, unpriced_models

LONG_FOLDING = timedelta(hours=3)
"""Sums of longer spans are made an hour after a quarter of an hour is over."""
LITTLE_ROOM, NO_ROOM = 2_000_000_000, 200_000_000
"""Bytes left on a disk."""
_CLOCK_TOLERANCE = 60.0
"""Seconds."""
_GIGABYTE = 10**9
_MEGABYTE = 10**6


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
        return ok("ledger", f"Calls are written to the ledger, without a break since {since}.")
    if state == "opening":
        return warn(
            "ledger",
            f"The ledger is being opened since {since}. Calls wait until then.",
            "Wait: an upgrade of a large ledger takes minutes.",
        )
    return fail(
        "ledger",
        f"Calls cannot be written since {since}, and wait in {status['spool_folder']}: {status['reason']}",
        "Put right what is named here. Nothing is lost meanwhile, and nothing has to be restarted.",
    )


def of_spool(status: Mapping[str, Any]) -> Check:
    """Whether rows wait outside of the database; `status` is that of `LedgerHealth`."""
    folder = status["spool_folder"]
    if in_memory := int(status["memory_rows"]):
        return fail(
            "spool",
            f"{counted(in_memory, 'call')} can be written neither to the ledger nor to {folder}, and would be lost "
            "by a restart.",
            f"Make room on the disk of {folder}, and let the user that runs Open WebUI write there.",
        )
    if rejected := int(status["rejected_rows"]):
        return warn(
            "spool",
            f"{counted(rejected, 'call')} were set aside, for the database takes no such values.",
            f"Look into {Path(folder) / 'rejected.jsonl'}, report what you find, and remove the file.",
        )
    if waiting := int(status["spool_rows"]):
        return warn(
            "spool",
            f"{counted(waiting, 'call')} wait in {folder} to be counted.",
            "Wait: they are counted as soon as the ledger can be written.",
        )
    return ok("spool", "No call waits outside of the ledger.")


def of_size(figures: Figures) -> Check:
    """How much there is."""
    rows = "an unknown number of calls" if figures.rows is None else f"about {counted(figures.rows, 'call')}"
    size = "" if figures.size is None else f", {_size(figures.size)}"
    return ok("size", f"The ledger has {rows}{size}, in {figures.database}.")


def of_disk(folder: Path, free: int) -> Check:
    """Whether there is room; `free` is in bytes."""
    text = f"{_size(free)} are free where {folder} is."
    if free < NO_ROOM:
        return fail("disk", text, "Make room, or calls can be kept nowhere while the database is away.")
    if free < LITTLE_ROOM:
        return warn("disk", text, "Make room before it is used up.")
    return ok("disk", text)


def of_clock(figures: Figures, now: datetime) -> Check:
    """Whether clocks agree: the process's, the database's, and those of all that wrote calls."""
    moment = now.timestamp()
    zone = now.astimezone().tzname() or "UTC"
    if figures.clock is not None and abs(figures.clock - moment) > _CLOCK_TOLERANCE:
        return warn(
            "clock",
            f"The clocks of Open WebUI and of its database differ by {abs(figures.clock - moment):,.0f} seconds.",
            "Let both machines keep the time by NTP: periods begin by the clock of Open WebUI.",
        )
    if figures.newest is not None and figures.newest > moment + _CLOCK_TOLERANCE:
        return warn(
            "clock",
            f"The newest call began {figures.newest - moment:,.0f} seconds from now: some clock is or was wrong.",
            "Let all machines that run Open WebUI keep the time by NTP.",
        )
    return ok("clock", f"It is {now.astimezone(UTC):%Y-%m-%d %H:%M:%S} in UTC; the server's own time zone is {zone}.")


def of_reports(status: Mapping[str, Any], now: datetime) -> Check:
    """Whether reports are complete and fast; `status` is that of `Upkeep`."""
    converted, folded = status["converted"], status["folded_until"]
    if converted is not None:
        return warn(
            "reports",
            f"Calls of an older version are made ready for reports: {converted:.0%} of their time so far.",
            "Wait: it goes on while the server runs, and after a restart where it was.",
        )
    if folded is not None and now - datetime.fromisoformat(folded) > LONG_FOLDING:
        return warn(
            "reports",
            f"Sums for reports are only made up to {folded}. Reports are exact, but slow.",
            "See whether the task `upkeep` fails, and restart Open WebUI.",
        )
    return ok("reports", "Reports know all calls.")


def of_prices(unpriced: Sequence[Unpriced]) -> Check:
    """Whether the models that were called lately have prices."""
    if not unpriced:
        return ok("prices", "All models that were called in the last 30 days have a price.")
    models = listed([f"{each.model} ({counted(each.calls, 'call')})" for each in unpriced])
    verb = "has" if len(unpriced) == 1 else "have"
    return warn(
        "prices",
        f"{counted(len(unpriced), 'model')} of the last 30 days {verb} no price: {models}. Reports and budgets in "
        "dollars count these calls as nothing.",
        "Set a price, 0 where it costs nothing: PUT /api/usage/prices, or Prices on the admin page.",
    )


def of_notices(notices: PendingNotices, last: Delivery | None, *, is_configured: bool) -> Check:
    """Whether the webhook takes what is posted; `last` is the last try, of any worker."""
    if not is_configured:
        return ok("webhook", "There is no webhook: nobody is told of crossed limits.")
    answer = "Nothing has been posted to it yet." if last is None else f"Its last answer: {_answer(last)}."
    # A notice that is tried for the first time may be under way at this moment.
    if not notices.tried or (notices.most_tries == 1 and (last is None or is_taken(last))):
        return ok("webhook", f"The webhook has taken all notices. {answer}")
    return warn(
        "webhook",
        f"The webhook has not taken {counted(notices.tried, 'notice')}, the oldest of {_minute(notices.oldest)}. "
        f"It was tried up to {counted(notices.most_tries, 'time')}. {answer}",
        "See that the receiver runs and answers with a status of 200 to 299. A notice is tried for a day.",
    )


def is_taken(delivery: Delivery) -> bool:
    """Whether the receiver took it."""
    return delivery.status is not None and 200 <= delivery.status < 300


def _answer(last: Delivery) -> str:
    said = f"none ({last.error or 'no reason is known'})" if last.status is None else f"HTTP {last.status}"
    return f"{said}, {_minute(last.at)}"


def _minute(moment: float | None) -> str:
    return "an unknown time" if moment is None else f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M} UTC"


def _size(number: int) -> str:
    return f"{number / _GIGABYTE:,.1f} GB" if number >= _GIGABYTE else f"{number / _MEGABYTE:,.1f} MB"
