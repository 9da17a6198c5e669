"""The plugin of one application: what it adds, how it starts and how it stops."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from openwebui_usage import __version__
from openwebui_usage.admission.counters import LiveCounters, Load
from openwebui_usage.admission.ledger_counters import LedgerCounters
from openwebui_usage.admission.redis_counters import RedisCounters
from openwebui_usage.api import usage_router
from openwebui_usage.api.metrics import Exposition
from openwebui_usage.api.readers import FixedReaders, ReportReaders
from openwebui_usage.checks.losses import LOSSES
from openwebui_usage.client.memory_buckets import MemoryBuckets
from openwebui_usage.client.redis_buckets import RedisBuckets
from openwebui_usage.client.storage import ConfigError
from openwebui_usage.client.throttling import Buckets
from openwebui_usage.host import garbage
from openwebui_usage.host.assets import Served, docs_routes, loader_route, put_first
from openwebui_usage.host.client import MountedClient
from openwebui_usage.host.database import (
    close_ledger,
    forget_lost_demo,
    ledger_engine,
    move_ledger,
    redis_prefix,
    socket_redis,
    spool_folder,
)
from openwebui_usage.host.functions import give_to_admin, install_functions, leave_out_of_pipeline
from openwebui_usage.host.health import Health
from openwebui_usage.host.identity import host_access
from openwebui_usage.host.patch_points import PATCH_POINTS
from openwebui_usage.host.patching import Undo
from openwebui_usage.host.seam import Seam, host_of
from openwebui_usage.host.sockets import Publisher
from openwebui_usage.host.splicing import Lifespan, add_routes, include_router, wrap_lifespan
from openwebui_usage.host.telemetry import Told, telemetry
from openwebui_usage.host.worker_channel import WorkerChannel
from openwebui_usage.ledger import Store
from openwebui_usage.ledger.definitions import Definitions
from openwebui_usage.ledger.typical import TypicalModels, TypicalUse
from openwebui_usage.pages import LOAD_ENTRIES, page_routes
from openwebui_usage.runtime import Runtime
from openwebui_usage.scheduled_reports import schedule_reports
from openwebui_usage.settings import Settings, SettingsError, WrongSetting, read_settings

log = logging.getLogger("openwebui_usage")

_TYPICAL_SECONDS = 5.0
"""Seconds from the start until it is read what calls usually use, and between two looks whether that is due again."""
_OWNER_SECONDS = 5.0
"""Seconds between two looks whether there is an admin by now."""


class Plugin:
    """One application's plugin.

    Attaching touches no database, thread or socket: the parent of several workers imports the application too, and
    never serves. All of that lives between `start` and `stop`.
    """

    def __init__(self, app: FastAPI, seam: Seam) -> None:
        """Attach it, then start it on the event loop."""
        self._app = app
        self._seam = seam
        self._undos: list[Undo] = []
        self._settings, wrong = read_settings(Settings)
        self._wrong_settings: list[WrongSetting] = list(wrong)
        self._without_client: str | None = None
        """Why the token client is left out."""
        self._engine, self._schema = ledger_engine()
        self._store = Store(self._engine, self._schema, prepare=lambda: move_ledger(self._engine))
        self._host = host_of(app, self._store)
        spool = spool_folder(self._settings)
        self._runtime = Runtime(self._store, spool, self._settings, self._counters)
        self._publisher = Publisher(
            self._store, self._host.models, self._definitions, self._worker_channel, self._read_definitions
        )
        self._runtime.subscribe(self._publisher.counted)
        self._runtime.every(_OWNER_SECONDS, self._find_owner, "functions")
        self._typical = TypicalUse(self._store.typical_calls.read)
        self._runtime.every(_TYPICAL_SECONDS, self._read_typical, "typical")
        self._served = Served()
        has_webhook = bool(self._settings.webhook_url)
        self._health = Health(
            app,
            seam,
            self._store,
            self._runtime,
            spool,
            self._served,
            webhook=has_webhook,
            wrong_settings=self._wrong_settings,
        )
        try:
            schedule_reports(self._store, self._runtime, self._settings)
        except ValueError as error:
            variable, _, fault = str(error).partition(": ")
            self._wrong_settings.append(WrongSetting(variable, fault, "no reports are posted"))
        self._functions: frozenset[str] = frozenset()
        self._telemetry: Told | None = None
        self._client: MountedClient | None = None

    def attach(self) -> None:
        """Add the routes and the lifespan."""
        self._step("the API", self._add_routes)
        if self._settings.pages:
            self._step("the pages", self._add_pages)
        if self._settings.client:
            self._step("the token client", self._add_client)
        self._step("the start", self._wrap_lifespan)

    def detach(self) -> None:
        """Take away what `attach` added."""
        while self._undos:
            self._undos.pop()()

    async def start(self) -> None:
        """Open the ledger and begin to meter. Open WebUI starts whether or not this works."""
        self._health.start()
        for wrong in self._wrong_settings:  # Not when they are read: the host's log is not set up then.
            log.error("%s", wrong)
        if self._without_client is not None:
            log.error("The token client is left out: %s", self._without_client)
        try:
            await self._runtime.__aenter__()
            self._seam.connect(self._runtime, self._host)
            ledger = await asyncio.to_thread(self._runtime.ledger_health)
            line = "openwebui-usage %s counts the calls of: %s"
            if ledger["state"] != "ok":
                line = "openwebui-usage %s will count, once the ledger can be written, the calls of: %s"
            patches = self._seam.patches
            metered = {point.label for point in PATCH_POINTS}
            log.info(line, __version__, ", ".join(name for name in patches.wrapped if name in metered))
            for loss, functions in patches.losses.items():
                log.warning("This Open WebUI has no %s: %s", ", ".join(functions), LOSSES[loss])
        except Exception:
            log.exception("Metering could not be started; nothing is counted")
        try:
            if self._telemetry is None and (told := telemetry()) is not None:
                self._runtime.subscribe(told)
                self._telemetry = told
        except Exception:
            log.exception("Open WebUI's telemetry is not as expected; it is not told of calls")
        try:
            self._publisher.start()
            self._functions = await install_functions()
            self._undos.append(leave_out_of_pipeline(self._functions))
        except Exception:
            log.exception("Open WebUI's functions or sockets are not as expected; counting goes on without them")
        try:
            if self._client is not None:
                await self._client.start()
        except Exception:
            log.exception("The token client could not be started")
        if self._settings.gc_freeze and (undo := garbage.set_aside()) is not None:
            self._undos.append(undo)

    async def stop(self) -> None:
        """Stop to meter, and write what is queued."""
        self._seam.disconnect()
        if self._client is not None:
            await self._client.stop()
        await self._publisher.stop()
        await self._runtime.__aexit__()
        await asyncio.to_thread(close_ledger, self._engine)
        self._health.stop()

    async def _find_owner(self) -> None:
        """Until there is an admin to own our functions."""
        if self._functions and await give_to_admin(self._functions):
            self._functions = frozenset()

    async def _changed(self, names: Iterable[str]) -> None:
        """An admin changed something: it holds for the next call, and the pages are told."""
        if self._runtime.is_running:
            await self._runtime.gate.changed()
        self._publisher.changed(names)

    async def _read_typical(self) -> None:
        await asyncio.to_thread(self._typical.refresh)

    async def _typical_use(self) -> TypicalModels | None:
        """None while an admin has switched it off."""
        return self._typical.models if await self._host.valves.shows_typical() else None

    def _definitions(self) -> Definitions:
        """Groups, budgets and prices, as calls are admitted by them."""
        return self._runtime.gate.definitions if self._runtime.is_running else Definitions()

    async def _read_definitions(self) -> None:
        """Another worker's admin changed something."""
        if self._runtime.is_running:
            await self._runtime.gate.refresh()

    def _worker_channel(self) -> WorkerChannel | None:
        """To other workers; None where the host has no Redis, so that there are none, or none that can be told."""
        redis = self._app.state.redis or socket_redis()
        return None if redis is None else WorkerChannel(redis, f"{redis_prefix()}:usage:counted")

    def _counters(self, load: Load) -> LiveCounters:
        """Shared by all workers: in Redis where the host has one, else by the ledger."""
        redis = self._app.state.redis
        if redis is None:
            return LedgerCounters(load, self._store.reservations)
        return RedisCounters(redis, redis_prefix(), load)

    def _buckets(self) -> Buckets:
        """The token client's throttle, shared by all workers where the host has Redis."""
        redis = self._app.state.redis
        return MemoryBuckets() if redis is None else RedisBuckets(redis, redis_prefix())

    def _step(self, what: str, do: Callable[[], None]) -> None:
        try:
            do()
        except Exception:
            log.exception("This Open WebUI is not as expected: %s is left out", what)

    def _add_routes(self) -> None:
        fixed = FixedReaders.of(self._settings.report_readers, self._settings.group_report_readers)

        async def readers() -> ReportReaders:
            return fixed.over(await asyncio.to_thread(self._store.readers))

        access = host_access(self._host.models, self._host.valves, self._host.connections, readers)
        sums = self._store.metric_sums(self._settings.metrics_models)
        token = self._settings.metrics_token
        usage = usage_router(
            self._store,
            access,
            self._settings.counting,
            self._changed,
            self._health.tell,
            self._runtime.webhook,
            fixed,
            self._typical_use,
            Exposition(lambda: sums.read(self._store.definitions()), self._health.worker_state),
            token.get_secret_value() if token else None,
        )
        has_docs = self._app.openapi_url is not None
        docs = docs_routes(usage, access.user, _swagger_folder(), is_only=not has_docs)
        entries = LOAD_ENTRIES if self._settings.pages and page_routes() else ""
        for router in (usage, loader_route(_static_folder(), self._served, entries), docs):
            self._undos.append(include_router(self._app, router))
        if has_docs:
            self._undos.append(put_first(self._app, usage))

    def _add_pages(self) -> None:
        self._undos.append(add_routes(self._app, page_routes()))

    def _add_client(self) -> None:
        try:
            self._client = MountedClient(self._engine, self._schema, self._runtime, self._buckets)
        except (SettingsError, ConfigError) as reason:
            self._without_client = str(reason)
            return
        self._wrong_settings += self._client.wrong_settings
        self._undos.append(add_routes(self._app, self._client.routes))

    def _wrap_lifespan(self) -> None:
        self._undos.append(wrap_lifespan(self._app, self._around))

    @contextlib.asynccontextmanager
    async def _around(self, theirs: Lifespan) -> AsyncIterator[Any]:
        """The host's lifespan, with ours inside."""
        try:
            await asyncio.to_thread(forget_lost_demo)
        except Exception:
            log.exception("Open WebUI's connections could not be looked at")
        async with theirs as state:
            await self.start()
            try:
                yield state
            finally:
                await self.stop()


def _static_folder() -> Path:
    from open_webui.config import STATIC_DIR

    return Path(STATIC_DIR)


def _swagger_folder() -> Path:
    from open_webui.env import OPEN_WEBUI_DIR

    return Path(OPEN_WEBUI_DIR) / "static" / "swagger-ui"
