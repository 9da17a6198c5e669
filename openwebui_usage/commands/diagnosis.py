"""What `doctor` and `status` look at where no server is asked: this environment's Open WebUI and its database."""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine

from openwebui_usage import __version__
from openwebui_usage.checks import Check, Looks, ledger, plugin, threaded
from openwebui_usage.checks.check import fail, ok, warn
from openwebui_usage.checks.installation import Installation, look_at_installation, of_autoload, of_tables
from openwebui_usage.checks.saved_functions import read_saved_functions
from openwebui_usage.client.storage import ConfigError, Place
from openwebui_usage.launch import Host, probe
from openwebui_usage.ledger import Store
from openwebui_usage.ledger.faults import reason
from openwebui_usage.ledger.retention import Retention
from openwebui_usage.ledger.revision import LedgerRevision, read_ledger_revision
from openwebui_usage.ledger.spool import Spool
from openwebui_usage.settings import Settings, SettingsError, WrongSetting, read_settings

SECONDS = 10.0
"""That each look may take: nobody else waits for a command."""
_REDIS_TIMEOUT = 2.0


def of_installation(found: Installation) -> list[Check]:
    """What is installed, and whether Python puts the plugin in place."""
    versions = {"openwebui-usage": __version__, "Python": platform.python_version()}
    if found.open_webui is not None:
        versions["Open WebUI"] = found.open_webui
    return [plugin.of_versions(versions), of_autoload(found)]


def of_environment(place: Place | None) -> list[Check]:
    """Everything that can be seen without a server. `place` is the ledger's; None: where Open WebUI keeps it."""
    installation = look_at_installation()
    checks = of_installation(installation)
    host = probe() if installation.open_webui is not None else Host(os.environ)
    settings, wrong = _settings()
    checks.append(_of_settings(wrong))
    place = place or _place_of(host)
    if place is None:
        checks.append(
            fail(
                "tables",
                "This environment's Open WebUI does not say where its database is.",
                "Name it with --database, or ask a server with --url.",
            )
        )
        return checks
    return [*checks, *_of_database(place, host, settings)]


def _settings() -> tuple[Settings, list[WrongSetting]]:
    try:
        settings, wrong = read_settings(Settings)
    except SettingsError as error:
        variable, _, fault = str(error).partition(": ")
        return Settings.model_construct(), [WrongSetting(variable, fault, "the plugin keeps out")]
    return settings, list(wrong)


def _of_settings(wrong: list[WrongSetting]) -> Check:
    if not wrong:
        return ok("settings", "All variables that begin with OPENWEBUI_USAGE_ have values that can be used.")
    return warn("settings", " ".join(map(str, wrong)), "Write them as the documentation on operations says.")


def _place_of(host: Host) -> Place | None:
    if "DATABASE_URL" not in host.facts:
        return None
    return Place(host.facts["DATABASE_URL"], host.facts.get("DATABASE_SCHEMA"), of_open_webui=True)


def _of_database(place: Place, host: Host, settings: Settings) -> list[Check]:
    shown = place.shown
    if place.file is not None and not place.file.exists():  # Connecting would make an empty one.
        return [of_tables(LedgerRevision(None, "", True), shown)]
    try:
        engine = place.engine()
        revision = read_ledger_revision(engine, place.schema)
    except ConfigError as error:
        return [fail("tables", f"The ledger in {shown} cannot be opened: {error}", "Correct what is named here.")]
    except Exception as error:  # noqa: BLE001 - drivers have errors of their own
        return [
            fail("tables", f"The ledger in {shown} cannot be read: {reason(error)}", "Put right what is named here.")
        ]
    checks = [of_tables(revision, shown)]
    try:
        if revision.found == revision.newest:
            checks += asyncio.run(_of_ledger(Store(engine, place.schema), place, host, settings))
    finally:
        engine.dispose()
    return checks


async def _of_ledger(store: Store, place: Place, host: Host, settings: Settings) -> list[Check]:
    spool = settings.spool_dir or Path(host.facts.get("DATA_DIR") or place.folder) / "usage-spool"
    upkeep = store.upkeep(Retention())
    looks = {
        **ledger.looks_at_ledger(store),
        "writable": threaded(store.check),
        "spool": threaded(Spool(spool).counts),
        "free": threaded(lambda: _free(spool)),
        "reports": threaded(upkeep.status),
        "functions": threaded(lambda: _functions(place)),
        "redis": threaded(lambda: _redis(host.environment)),
    }
    seen = await Looks(looks, SECONDS).all()
    now = datetime.now(UTC)
    folder = str(spool)

    def of_spool(counts: tuple[int, int]) -> Check:
        status = {"spool_folder": folder, "memory_rows": 0, "spool_rows": counts[0], "rejected_rows": counts[1]}
        return ledger.of_spool(status)

    return [
        seen.check("ledger", lambda _: ok("ledger", "A call could be written to the ledger."), "writable"),
        seen.check("spool", of_spool, "spool"),
        seen.check("redis", lambda check: check, "redis"),
        seen.check("prices", ledger.of_prices, "unpriced"),
        seen.check(
            "webhook",
            lambda notices, last: ledger.of_notices(notices, last, is_configured=bool(settings.webhook_url)),
            "notices",
            "delivery",
        ),
        *([seen.check("functions", plugin.of_functions, "functions")] if place.of_open_webui else []),
        seen.check("reports", lambda status: ledger.of_reports(status, now), "reports"),
        seen.check("size", ledger.of_size, "figures"),
        seen.check("disk", lambda free: ledger.of_disk(spool, free), "free"),
        seen.check("clock", lambda figures: ledger.of_clock(figures, now), "figures"),
    ]


def _free(spool: Path) -> int:
    folder = next(folder for folder in (spool, *spool.absolute().parents) if folder.exists())
    return shutil.disk_usage(folder).free


def _functions(place: Place) -> Mapping[str, plugin.FunctionState]:
    engine: Engine = create_engine(place.url)
    try:
        return read_saved_functions(engine, place.schema)
    finally:
        engine.dispose()


def _redis(environment: Mapping[str, str]) -> Check:
    urls = dict.fromkeys(environment.get(name, "") for name in ("REDIS_URL", "WEBSOCKET_REDIS_URL"))
    urls.pop("", None)
    if not urls:
        return plugin.of_redis(None)
    if environment.get("REDIS_SENTINEL_HOSTS"):
        return ok("redis", "Redis is found by its sentinels: only a server can tell, see --url.")
    try:
        milliseconds = max(_ping(url) for url in urls)
    except Exception as error:  # noqa: BLE001 - whatever the driver says
        return plugin.of_lost_redis(f"{type(error).__name__}: {' '.join(str(error).split())[:200]}")
    return plugin.of_redis(milliseconds)


def _ping(url: str) -> float:
    from redis import Redis

    connect: Callable[..., Any] = Redis.from_url
    redis = connect(url, socket_timeout=_REDIS_TIMEOUT, socket_connect_timeout=_REDIS_TIMEOUT)
    started = time.perf_counter()
    try:
        redis.ping()
    finally:
        redis.close()
    return (time.perf_counter() - started) * 1000
