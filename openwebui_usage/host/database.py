"""Open WebUI's own engine, and where it keeps things."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from openwebui_usage.demo import connection
from openwebui_usage.ledger.sqlite_file import file_engine, ledger_file, move_from
from openwebui_usage.settings import Settings


def host_engine() -> tuple[Engine, str | None]:
    """The synchronous engine, which every version has and which knows SSL, cipher and cloud logins; and the schema."""
    from open_webui.env import DATABASE_SCHEMA
    from open_webui.internal.db import engine

    return engine, DATABASE_SCHEMA or None


def ledger_engine() -> tuple[Engine, str | None]:
    """Where the ledger is kept, and the schema: a file of its own beside the host's SQLite file, else its engine.

    An encrypted file (`sqlite+sqlcipher`) keeps it, for only the host's engine knows the key. Connects to nothing yet.
    """
    engine, schema = host_engine()
    file = _plain_file(engine)
    return (engine, schema) if file is None else (file_engine(ledger_file(file)), None)


def move_ledger(engine: Engine) -> None:
    """Take over into `engine`, the ledger's, what an earlier version kept in the host's file."""
    host, _ = host_engine()
    if host is not engine:
        move_from(host, engine)


def close_ledger(engine: Engine) -> None:
    """Let go of a file of the ledger's own; the host's engine is the host's."""
    host, _ = host_engine()
    if host is not engine:
        engine.dispose()


def _plain_file(engine: Engine) -> Path | None:
    database = engine.url.database
    is_file = engine.url.drivername in ("sqlite", "sqlite+pysqlite") and database not in (None, "", ":memory:")
    return Path(str(database)) if is_file else None


def forget_lost_demo() -> None:
    """A demo provider whose machine went down with it is still among the host's connections: take it away.

    The host reads them when its lifespan begins. Where `openwebui-usage serve` brought a demo, its key is in the
    environment, and the connection stays.
    """
    if os.environ.get("OPENAI_API_KEYS") == connection.KEY:
        return
    engine, schema = host_engine()
    with engine.connect() as db:
        connection.forget_in(db, connection.Saved.DEMO, schema=schema)


def redis_prefix() -> str:
    """What Open WebUI's keys in Redis begin with."""
    from open_webui.env import REDIS_KEY_PREFIX

    return str(REDIS_KEY_PREFIX)


def socket_redis() -> Any:
    """The asynchronous client of the Redis that Open WebUI's sockets have, which may be one of their own; None where
    they have none.
    """
    from open_webui.socket import main

    return getattr(main, "REDIS", None)


def spool_folder(settings: Settings) -> Path:
    """Where rows wait while the database is away."""
    if settings.spool_dir is not None:
        return settings.spool_dir
    from open_webui.env import DATA_DIR

    return Path(DATA_DIR) / "usage-spool"
