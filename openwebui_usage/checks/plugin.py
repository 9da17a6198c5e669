"""Checks of the plugin in its host: what it is tied to, and what of it runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from openwebui_usage.checks.check import Check, fail, ok, warn
from openwebui_usage.checks.losses import LOSSES, Loss
from openwebui_usage.checks.recent_errors import RecentError
from openwebui_usage.checks.values import Value, count, figure, rest, some, time, times

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
    told = ", ".join(f"{name} {version}" for name, version in versions.items())
    return ok("versions", "{versions}.", code="these", versions=told)


def of_metering(*, is_running: bool) -> Check:
    """Whether calls are counted at all."""
    if is_running:
        return ok("metering", "Calls are metered and limited.", code="on")
    return fail(
        "metering",
        "Calls are not metered: the plugin is not running in this worker.",
        "Look for `Metering could not be started` in Open WebUI's log, put that right, and restart it.",
        code="off",
    )


def of_paths(wrapped: Sequence[str], losses: Mapping[Loss, Sequence[str]]) -> Check:
    """Whether each way to a model is seen. `losses` are what does not work, with the functions missing for it."""
    if not losses:
        return ok(
            "paths",
            "All ways to a model are seen, through {n} of Open WebUI.",
            code="seen",
            n=count(len(wrapped), "function"),
        )
    functions: dict[str, str] = {loss: ", ".join(names) for loss, names in losses.items()}
    told = "; ".join(f"without {', '.join(names)} {LOSSES[loss]}" for loss, names in losses.items())
    return warn(
        "paths",
        "This Open WebUI is not quite as expected: {losses}.",
        "Install a version of openwebui-usage that knows this version of Open WebUI.",
        code="lost",
        losses=Value(functions, told),
    )


def of_functions(functions: Mapping[str, FunctionState]) -> Check:
    """Whether what admins see under Admin > Functions is there."""
    missing = [name for name, state in functions.items() if not state.is_installed]
    inactive = [name for name, state in functions.items() if state.is_installed and not state.is_active]
    if missing:
        return warn(
            "functions",
            "Open WebUI does not list {functions}{more}: the effort menu, the status line or the settings of metering "
            "are missing.",
            "Restart Open WebUI, which adds them. If that does not help, see whether a function of somebody else has "
            "the same id.",
            code="missing",
            functions=some(missing),
            more=rest(missing),
        )
    if inactive:
        return ok(
            "functions",
            "All functions are there. An admin has switched off: {functions}{more}.",
            code="off",
            functions=some(inactive),
            more=rest(inactive),
        )
    return ok("functions", "All functions are there and switched on.", code="on")


def of_script(*, is_there: bool, served_at: datetime | None, started_at: datetime, now: datetime) -> Check:
    """Whether browsers get the page's script."""
    if not is_there:
        return fail(
            "script",
            "The page's script is missing from this installation.",
            "Install the wheel of a release again.",
            code="missing",
        )
    if served_at is not None:
        return ok(
            "script",
            "A browser last asked this worker for the page's script at {at}.",
            code="served",
            at=time(served_at),
        )
    if now - started_at < SCRIPT_GRACE:
        return ok("script", "No browser has asked this worker for the page's script yet.", code="not_yet")
    return warn(
        "script",
        "No browser has asked this worker for the page's script since {since}.",
        "Open Open WebUI in a browser. If this stays, a proxy answers /static/loader.js itself: let it pass on.",
        code="unserved",
        since=time(started_at),
    )


def of_redis(milliseconds: float | None) -> Check:
    """Whether workers share their counters; None where there is no Redis. A Redis that is away raises before."""
    if milliseconds is None:
        return ok("redis", "There is no Redis: each worker counts what is under way by itself.", code="alone")
    return ok(
        "redis",
        "Redis answers, in {milliseconds}; all workers share their counters there.",
        code="shared",
        milliseconds=figure(milliseconds, "{:.1f} ms"),
    )


def of_lost_redis(error: str) -> Check:
    """Redis is configured and does not answer."""
    return fail(
        "redis",
        "Redis does not answer: {error}. Each worker limits by what the ledger knows meanwhile.",
        "Start Redis, or correct REDIS_URL and WEBSOCKET_REDIS_URL.",
        code="lost",
        error=error,
    )


def of_tasks(tasks: Mapping[str, str | None]) -> Check:
    """Whether the work in the background goes on. `tasks` are what each failed with last, or None."""
    failed = {name: error for name, error in tasks.items() if error is not None}
    if not failed:
        return ok("tasks", "All {n} went well the last time.", code="well", n=count(len(tasks), "periodic task"))
    return fail(
        "tasks",
        "{n} failed the last time: {errors}.",
        f"They are tried again by themselves. {_LOG}",
        code="failed",
        n=count(len(failed), "periodic task"),
        errors="; ".join(f"{name} ({error})" for name, error in failed.items()),
    )


def of_providers(taken_back: Sequence[str]) -> Check:
    """What providers refused of what we add to a request; `taken_back` are the models."""
    if not taken_back:
        return ok("providers", "No provider has refused anything that the plugin adds to a request.", code="taken")
    return ok(
        "providers",
        "For {n} something is left out that the provider refused: {models}{more}. Their calls go on without it.",
        code="taken_back",
        n=count(len(taken_back), "model"),
        models=some(taken_back),
        more=rest(taken_back),
    )


def of_faults(faults: Mapping[str, int]) -> Check:
    """Whether a part of ours failed while the call went on; `faults` are how often, since the start."""
    if not faults:
        return ok("faults", "No part of the plugin has failed in a call.", code="none")
    return warn(
        "faults",
        "A part of the plugin failed, and the calls went on: {faults}.",
        f"{_LOG} Report what it says.",
        code="failed",
        faults=times(faults),
    )


def of_errors(errors: Sequence[RecentError], now: datetime) -> Check:
    """Whether the log has warnings of ours lately."""
    lately = [error for error in errors if now - error.at < LATELY]
    if not lately:
        return ok("errors", "The log has no warning of the plugin's from the last 24 hours.", code="none")
    last = lately[-1]
    return warn(
        "errors",
        "{n} in the last 24 hours; the last one at {at}: {error}",
        "The list of the last errors has them all; Operations in the documentation explains each.",
        code="some",
        n=count(len(lately), "different warning"),
        at=time(last.at),
        error=last.text,
    )
