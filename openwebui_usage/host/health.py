"""How the plugin of one application fares: what `GET /api/usage/health` tells, from wherever it is known."""

from __future__ import annotations

import platform
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from openwebui_usage import __version__
from openwebui_usage.api.answers.health import (
    DatabaseStatus,
    HealthCheck,
    PluginHealth,
    RecentFailure,
    TakenBack,
    WrongValue,
)
from openwebui_usage.api.metrics import WorkerState
from openwebui_usage.checks import Check, Looks, Seen, ledger, plugin, threaded
from openwebui_usage.checks.installation import of_tables
from openwebui_usage.checks.recent_errors import RecentErrors
from openwebui_usage.host.assets import Served, has_script
from openwebui_usage.host.functions import function_states
from openwebui_usage.host.seam import Seam
from openwebui_usage.ledger import Store
from openwebui_usage.ledger.deliveries import Delivery
from openwebui_usage.ledger.figures import PendingNotices
from openwebui_usage.runtime import Runtime
from openwebui_usage.settings import WrongSetting


class Health:
    """Asked on the event loop, as often as somebody likes."""

    def __init__(
        self,
        app: FastAPI,
        seam: Seam,
        store: Store,
        runtime: Runtime,
        spool: Path,
        served: Served,
        *,
        webhook: bool,
        wrong_settings: Sequence[WrongSetting],
    ) -> None:
        """Looks at nothing yet. `webhook`: whether there is one."""
        self._wrong_settings = wrong_settings
        self._app = app
        self._seam = seam
        self._runtime = runtime
        self._spool = spool
        self._served = served
        self._has_webhook = webhook
        self._place = store.place
        self._started_at = datetime.now(UTC)
        self._errors = RecentErrors()
        self._looks = Looks(
            {
                **ledger.looks_at_ledger(store),
                "ledger": threaded(runtime.ledger_health),
                "revision": threaded(store.revision),
                "reports": threaded(runtime.reports_health),
                "free": threaded(self._free),
                "functions": function_states,
                "host_version": _host_version,
                "redis": self._redis,
            }
        )

        self._few_looks = Looks({"ledger": threaded(runtime.ledger_health), "redis": self._redis})

    def start(self) -> None:
        """Remember from now on what goes wrong."""
        self._started_at = datetime.now(UTC)
        self._errors.start()

    def stop(self) -> None:
        """Listen to the log no more."""
        self._errors.stop()

    async def worker_state(self) -> WorkerState:
        """What metrics say of this worker."""
        seen = await self._few_looks.all()
        redis, status = seen.get("redis"), seen.get("ledger") or {}
        return WorkerState(
            __version__,
            spool_rows=status.get("spool_rows"),
            rejected_rows=status.get("rejected_rows"),
            writer_lag=status.get("lag"),
            redis_up=None if self._app.state.redis is None else redis is not None and redis.state == "ok",
        )

    async def tell(self) -> PluginHealth:
        """Everything, within seconds whatever hangs."""
        now = datetime.now(UTC)
        seen = await self._looks.all()
        versions = self._versions(seen)
        figures = seen.get("figures")
        patches = self._seam.patches
        return PluginHealth(
            version=__version__,
            running=self._runtime.is_running,
            ledger=seen.get("ledger"),
            reports=seen.get("reports"),
            tasks=self._runtime.tasks_health(),
            wrapped=sorted(patches.wrapped),
            missing=sorted(patches.missing),
            wrong_settings=[WrongValue(**asdict(wrong)) for wrong in self._wrong_settings],
            taken_back=[TakenBack(**addition) for addition in self._seam.refused_additions.listed()],
            faults=dict(self._seam.faults.counts),
            checks=[HealthCheck.of(check) for check in self._checks(seen, versions, now)],
            versions=versions,
            database=None if figures is None else DatabaseStatus.of(figures),
            errors=[RecentFailure.of(error) for error in reversed(self._errors.listed())],
        )

    def _checks(self, seen: Seen, versions: dict[str, str], now: datetime) -> list[Check]:
        """Those first that everything else depends on."""
        patches, runtime = self._seam.patches, self._runtime
        taken_back = [str(addition["model"]) for addition in self._seam.refused_additions.listed()]
        return [
            plugin.of_metering(is_running=runtime.is_running),
            plugin.of_paths(patches.wrapped, patches.losses),
            seen.check("ledger", ledger.of_ledger, "ledger"),
            seen.check("tables", lambda revision: of_tables(revision, self._place), "revision"),
            seen.check("spool", ledger.of_spool, "ledger"),
            seen.check("redis", lambda found: found, "redis"),
            plugin.of_tasks(runtime.tasks_health()),
            plugin.of_faults(self._seam.faults.counts),
            plugin.of_errors(self._errors.listed(), now),
            seen.check("prices", ledger.of_prices, "unpriced"),
            seen.check("webhook", self._of_notices, "notices", "delivery"),
            seen.check("functions", plugin.of_functions, "functions"),
            plugin.of_script(is_there=has_script(), served_at=self._served.at, started_at=self._started_at, now=now),
            plugin.of_providers(taken_back),
            seen.check("reports", lambda status: ledger.of_reports(status, now), "reports"),
            seen.check("size", ledger.of_size, "figures"),
            seen.check("disk", lambda free: ledger.of_disk(self._spool, free), "free"),
            seen.check("clock", lambda figures: ledger.of_clock(figures, datetime.now(UTC)), "figures"),
            plugin.of_versions(versions),
        ]

    def _versions(self, seen: Seen) -> dict[str, str]:
        figures = seen.get("figures")
        return {
            "openwebui-usage": __version__,
            "Open WebUI": seen.get("host_version") or "unknown",
            "Python": platform.python_version(),
            **({} if figures is None else {figures.database.partition(" ")[0]: figures.database.partition(" ")[2]}),
        }

    def _of_notices(self, notices: PendingNotices, last: Delivery | None) -> Check:
        return ledger.of_notices(notices, last, is_configured=self._has_webhook)

    def _free(self) -> int:
        """Bytes that are left where rows wait. The folder itself is only made for the first of them."""
        folder = next(folder for folder in (self._spool, *self._spool.absolute().parents) if folder.exists())
        return shutil.disk_usage(folder).free

    async def _redis(self) -> Check:
        redis: Any = self._app.state.redis
        if redis is None:
            return plugin.of_redis(None)
        started = time.perf_counter()
        try:
            await redis.ping()
        except Exception as error:  # noqa: BLE001 - whatever the driver says
            return plugin.of_lost_redis(f"{type(error).__name__}: {' '.join(str(error).split())[:200]}")
        return plugin.of_redis((time.perf_counter() - started) * 1000)


async def _host_version() -> str:
    from open_webui.env import VERSION

    return str(VERSION)
