"""Checks of the plugin in its host: what it is tied to, and what of it runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from openwebui_usage.checks.check import Check, counted, fail, listed, ok, warn
from openwebui_usage.checks.recent_errors import RecentError

SCRIPT_GRACE = timedelta(minutes=30)
"""That a server may run before somebody opens the page."""
LATELY = timedelta(hours=24)
_LOG = "Look at Open WebUI's log."


@dataclass(frozen=True, slots=True)
class FunctionState:
    """One of our functions in the host's list."""

    is_installed: bool
    is_active: bool = False


def of_versions(versions: Mapping[str, str]) -> Check:
    """What runs."""
    return ok("versions", ", ".join(f"{name} {version}" for name, version in versions.items()) + ".")


def of_metering(*, is_running: bool) -> Check:
    """Whether calls are counted at all."""
    if is_running:
        return ok("metering", "Calls are metered and limited.")
    return fail(
        "metering",
        "Calls are not metered: the plugin is not running in this worker.",
        "Look for `Metering could not be started` in Open WebUI's log, put that right, and restart it.",
    )


def of_paths(wrapped: Sequence[str], losses: Mapping[str, Sequence[str]]) -> Check:
    """Whether each way to a model is seen. `losses` are what does not work, with the functions missing for it."""
    if not losses:
        return ok("paths", f"All ways to a model are seen, through {counted(len(wrapped), 'function')} of Open WebUI.")
    lost = "; ".join(f"without {', '.join(functions)} {loss}" for loss, functions in losses.items())
    return warn(
        "paths",
        f"This Open WebUI is not quite as expected: {lost}.",
        "Install a version of openwebui-usage that knows this version of Open WebUI.",
    )


def of_functions(functions: Mapping[str, FunctionState]) -> Check:
    """Whether what admins see under Admin > Functions is there."""
    missing = [name for name, state in functions.items() if not state.is_installed]
    inactive = [name for name, state in functions.items() if state.is_installed and not state.is_active]
    if missing:
        return warn(
            "functions",
            f"Open WebUI does not list {listed(missing)}: the effort menu, the status line or the settings of metering "
            "are missing.",
            "Restart Open WebUI, which adds them. If that does not help, see whether a function of somebody else has "
            "the same id.",
        )
    if inactive:
        return ok("functions", f"All functions are there. An admin has switched off: {listed(inactive)}.")
    return ok("functions", "All functions are there and switched on.")


def of_script(*, is_there: bool, served_at: datetime | None, started_at: datetime, now: datetime) -> Check:
    """Whether browsers get the page's script."""
    if not is_there:
        return fail(
            "script", "The page's script is missing from this installation.", "Install the wheel of a release again."
        )
    if served_at is not None:
        return ok("script", f"A browser last asked this worker for the page's script at {_time(served_at)}.")
    if now - started_at < SCRIPT_GRACE:
        return ok("script", "No browser has asked this worker for the page's script yet.")
    return warn(
        "script",
        f"No browser has asked this worker for the page's script since {_time(started_at)}.",
        "Open Open WebUI in a browser. If this stays, a proxy answers /static/loader.js itself: let it pass on.",
    )


def of_redis(milliseconds: float | None) -> Check:
    """Whether workers share their counters; None where there is no Redis. A Redis that is away raises before."""
    if milliseconds is None:
        return ok("redis", "There is no Redis: each worker counts what is under way by itself.")
    return ok("redis", f"Redis answers, in {milliseconds:.1f} ms; all workers share their counters there.")


def of_lost_redis(error: str) -> Check:
    """Redis is configured and does not answer."""
    return fail(
        "redis",
        f"Redis does not answer: {error}. Each worker limits by what the ledger knows meanwhile.",
        "Start Redis, or correct REDIS_URL and WEBSOCKET_REDIS_URL.",
    )


def of_tasks(tasks: Mapping[str, str | None]) -> Check:
    """Whether the work in the background goes on. `tasks` are what each failed with last, or None."""
    failed = {name: error for name, error in tasks.items() if error is not None}
    if not failed:
        return ok("tasks", f"All {counted(len(tasks), 'periodic task')} went well the last time.")
    told = "; ".join(f"{name} ({error})" for name, error in failed.items())
    return fail(
        "tasks",
        f"{counted(len(failed), 'periodic task')} failed the last time: {told}.",
        f"They are tried again by themselves. {_LOG}",
    )


def of_providers(taken_back: Sequence[str]) -> Check:
    """What providers refused of what we add to a request; `taken_back` are the models."""
    if not taken_back:
        return ok("providers", "No provider has refused anything that the plugin adds to a request.")
    return ok(
        "providers",
        f"For {counted(len(taken_back), 'model')} something is left out that the provider refused: "
        f"{listed(taken_back)}. Their calls go on without it.",
    )


def of_faults(faults: Mapping[str, int]) -> Check:
    """Whether a part of ours failed while the call went on; `faults` are how often, since the start."""
    if not faults:
        return ok("faults", "No part of the plugin has failed in a call.")
    told = "; ".join(f"{what} ({counted(times, 'time')})" for what, times in faults.items())
    return warn(
        "faults", f"A part of the plugin failed, and the calls went on: {told}.", f"{_LOG} Report what it says."
    )


def of_errors(errors: Sequence[RecentError], now: datetime) -> Check:
    """Whether the log has warnings of ours lately."""
    lately = [error for error in errors if now - error.at < LATELY]
    if not lately:
        return ok("errors", "The log has no warning of the plugin's from the last 24 hours.")
    last = lately[-1]
    return warn(
        "errors",
        f"{counted(len(lately), 'different warning')} in the last 24 hours; the last one at "
        f"{_time(last.at)}: {last.text}",
        "The list of the last errors has them all; Operations in the documentation explains each.",
    )


def _time(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
