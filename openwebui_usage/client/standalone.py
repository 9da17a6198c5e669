"""The token client as a server of its own: one process with its database, writer and gate."""

from __future__ import annotations

import contextlib
import logging
import socket
from collections.abc import AsyncIterator
from typing import Any

import uvicorn
from fastapi import FastAPI

from openwebui_usage.admission.counters import LiveCounters, Load
from openwebui_usage.admission.ledger_counters import LedgerCounters
from openwebui_usage.admission.redis_counters import RedisCounters
from openwebui_usage.client.addresses import TRUSTED_PROXIES, parse_networks
from openwebui_usage.client.app import create_app
from openwebui_usage.client.memory_buckets import MemoryBuckets
from openwebui_usage.client.redis_buckets import RedisBuckets
from openwebui_usage.client.slow_connections import ImpatientProtocol
from openwebui_usage.client.storage import (
    FALLBACK_PRICE,
    ConfigError,
    Place,
    Session,
    open_database,
)
from openwebui_usage.client.throttling import Buckets
from openwebui_usage.client.upstream import Provider, Upstream
from openwebui_usage.runtime import Runtime
from openwebui_usage.scheduled_reports import schedule_reports
from openwebui_usage.settings import ClientSettings, Settings, SettingsError, read_strictly

log = logging.getLogger("openwebui_usage")

_REDIS_PREFIX = "openwebui-usage-client"
_GRACE = 10
"""Seconds for answers under way to finish when the server is stopped."""


class Standalone:
    """Everything that one client process needs. Serve `app`."""

    def __init__(self, place: Place, settings: ClientSettings) -> None:
        """Opens the database, and makes or upgrades its tables. Raises `ConfigError` and `SettingsError`."""
        self.place = place
        self.upstream = Upstream.configured(settings)
        try:
            trusted = parse_networks(settings.trusted_proxies)
        except ValueError as error:
            raise SettingsError(f"{TRUSTED_PROXIES}: {error}.") from None
        # Variables for webhook and spool are the same as inside Open WebUI.
        self._settings = read_strictly(Settings)
        self._redis = _redis(settings)
        self.opened = opened = open_database(place, settings)
        spool = self._settings.spool_dir or place.folder / "usage-spool"
        self._runtime = Runtime(opened.store, spool, self._settings, self._counters)
        try:
            schedule_reports(opened.store, self._runtime, self._settings)
        except ValueError as error:
            raise SettingsError(f"{error}.") from None
        self._provider = Provider(self.upstream, settings.timeout)
        self.app: FastAPI = create_app(
            self._runtime,
            opened.accounts,
            opened.hasher,
            self._provider,
            rate=settings.rate,
            trusted=trusted,
            make_buckets=self._buckets,
            lifespan=self._lifespan,
        )

    @contextlib.asynccontextmanager
    async def _lifespan(self, app: Any) -> AsyncIterator[None]:
        try:
            async with self._runtime:
                await self._provider.start()
                try:
                    yield
                finally:
                    await self._provider.stop()
        finally:
            if self._redis is not None:
                await self._redis.aclose()
            self.opened.engine.dispose()

    def _counters(self, load: Load) -> LiveCounters:
        if self._redis is None:
            return LedgerCounters(load, self.opened.store.reservations)
        return RedisCounters(self._redis, _REDIS_PREFIX, load)

    def _buckets(self) -> Buckets:
        return MemoryBuckets() if self._redis is None else RedisBuckets(self._redis, _REDIS_PREFIX)


def _redis(settings: ClientSettings) -> Any:
    """An asynchronous client, which connects when it is first used. None if no Redis is configured."""
    if settings.redis_url is None:
        return None
    try:
        from redis.asyncio import Redis

        return Redis.from_url(settings.redis_url.get_secret_value())
    except ImportError:
        raise ConfigError("OPENWEBUI_USAGE_CLIENT_REDIS_URL: the Python package redis is not installed.") from None
    except ValueError as error:
        raise SettingsError(f"OPENWEBUI_USAGE_CLIENT_REDIS_URL: {error}") from None


def greeting(client: Standalone, host: str, port: int) -> list[str]:
    """The lines to print at the start."""
    name = "localhost" if host in ("127.0.0.1", "0.0.0.0", "::1", "::") else host  # noqa: S104
    upstream, opened = client.upstream, client.opened
    lines = [f"The O1 Pro client is ready on http://{name}:{port}; Ctrl-C stops it."]
    if upstream.is_demo:
        lines.append(
            "The built-in demo provider answers. Set OPENAI_API_KEY, or OPENAI_API_BASE_URL, for a real model."
        )
    else:
        lines.append(f"{upstream.model} answers, at {upstream.url}.")
    lines += price_note(opened, upstream)
    if not opened.accounts.all():
        lines.append('Nobody may use it yet: openwebui-usage users create "Your Name" --limit 100.0')
    elsewhere = opened.accounts.made_elsewhere()
    if elsewhere:
        lines.append(
            f"{elsewhere} user{'s have' if elsewhere > 1 else ' has'} a token that was made with another secret: start "
            "with that secret, or give out new tokens (openwebui-usage users rotate --name …)."
        )
    return lines


def price_note(opened: Session, upstream: Upstream) -> list[str]:
    """The lines to print if there is no price for the model."""
    source = opened.store.definitions().book.source(upstream.model)
    if upstream.is_demo or source not in (None, "otherwise"):
        return []
    then = (
        "nobody with a limit may ask it"
        if source is None
        else "it is charged as o1 is, unless its provider tells the cost"
    )
    return [
        f"No price is known for {upstream.model}: {then}. Set one, in US dollars per million tokens:",
        f"openwebui-usage prices set {upstream.model} --input {FALLBACK_PRICE.input} --output {FALLBACK_PRICE.output}",
    ]


def run(client: Standalone, listening: socket.socket) -> None:
    """Serve until a signal ends the process. Without an access log, because `/user/stats/{token}` contains tokens."""
    config = uvicorn.Config(
        client.app,
        log_level="warning",
        access_log=False,
        proxy_headers=False,  # OPENWEBUI_USAGE_CLIENT_TRUSTED_PROXIES decides instead, see `addresses`.
        server_header=False,
        timeout_graceful_shutdown=_GRACE,
        ws="none",
        http=ImpatientProtocol,
        limit_concurrency=1000,
    )
    uvicorn.Server(config).run([listening])
