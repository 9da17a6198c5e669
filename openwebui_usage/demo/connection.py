"""How Open WebUI comes to know the demo provider, and how it forgets it again.

Open WebUI (0.12) copies the connections that it finds in its environment into its database at the first start, and
from then on believes only the database. A demo that was once used would stay there for ever, and would keep a real
provider from the environment out. So the demo's connection carries a key of its own, by which it is recognised, and
the rows that hold nothing but the demo are deleted before every start, whoever starts, and after every stop: Open WebUI
then copies afresh whatever its environment says. Rows that an admin has touched are never changed.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from sqlalchemy import Connection, TableClause, column, create_engine, delete, inspect, select, table

KEY: Final = "openwebui-usage-demo"
"""The API key of the demo's connection. The provider does not ask for one: it is only what we know our own rows by."""

_OPENAI: Final = ("openai.api_base_urls", "openai.api_keys", "openai.api_configs")
_STOCK_URLS: Final = ["https://api.openai.com/v1"]
_LOCAL: Final = ("localhost", "127.0.0.1", "::1", "host.docker.internal")


class Saved(Enum):
    """What the connections in Open WebUI's database are."""

    NOTHING = "nothing is saved yet: the environment decides"
    DEMO = "nothing but the demo"
    STOCK = "what Open WebUI saves where no provider was ever configured"
    SHARED = "the demo among connections of the admin's"
    ADMIN = "connections of the admin's"


def environment(url: str, *, keep_ollama: bool) -> dict[str, str]:
    """The variables that make Open WebUI use the demo at `url`, and Ollama only where it is at hand."""
    demo = {
        "ENABLE_OPENAI_API": "true",
        "OPENAI_API_BASE_URLS": url,
        "OPENAI_API_KEYS": KEY,
        "OPENAI_API_BASE_URL": "",
        "OPENAI_API_KEY": "",
        "OPENAI_API_CONFIGS": "",
    }
    return demo if keep_ollama else {**demo, "ENABLE_OLLAMA_API": "false"}


def judge(rows: Mapping[str, Any]) -> Saved:
    """Say whose connections these rows of Open WebUI's `config` table are. `rows` maps keys to decoded values."""
    urls, keys = rows.get(_OPENAI[0]), rows.get(_OPENAI[1])
    if urls is None and keys is None:
        return Saved.NOTHING
    if not isinstance(urls, list) or not isinstance(keys, list):
        return Saved.ADMIN
    if KEY in keys:
        alone = keys == [KEY] and len(urls) == 1 and not rows.get(_OPENAI[2])
        return Saved.DEMO if alone else Saved.SHARED
    ollama = rows.get("ollama.base_urls") or []
    remote = any(urlsplit(str(url)).hostname not in _LOCAL for url in ollama if url)
    return Saved.STOCK if urls == _STOCK_URLS and not any(keys) and not remote else Saved.ADMIN


def demo_port(rows: Mapping[str, Any]) -> int | None:
    """The port on which a saved connection, switched on, expects the demo."""
    urls, keys, configs = (rows.get(name) for name in _OPENAI)
    for i, (url, key) in enumerate(zip(urls or [], keys or [], strict=False)):
        settings = configs.get(str(i)) if isinstance(configs, dict) else None
        if key == KEY and not (isinstance(settings, dict) and settings.get("enable") is False):
            return urlsplit(str(url)).port
    return None


def read(database_url: str, schema: str | None = None) -> dict[str, Any]:
    """The rows about connections in Open WebUI's database; empty for one that is new, or has another shape."""
    with _connect(database_url) as db:
        return _read(db, schema) if db else {}


def forget(database_url: str, *kinds: Saved, schema: str | None = None) -> bool:
    """Delete the connections where they are of one of `kinds`, so that Open WebUI's next start asks its environment."""
    with _connect(database_url) as db:
        return db is not None and forget_in(db, *kinds, schema=schema)


def forget_in(db: Connection, *kinds: Saved, schema: str | None = None) -> bool:
    """The same on a connection at hand."""
    if judge(_read(db, schema)) not in kinds:
        return False
    rows = _rows(schema)
    db.execute(delete(rows).where(rows.c.key.in_((*_OPENAI, "ollama.enable"))))
    db.commit()
    return True


@contextmanager
def _connect(database_url: str) -> Iterator[Connection | None]:
    """A connection to Open WebUI's database, or None where it is a file that does not exist yet."""
    engine = create_engine(database_url)
    file = engine.url.database if engine.dialect.name == "sqlite" else None
    try:
        if file and not Path(file).exists():
            yield None
        else:
            with engine.connect() as db:
                yield db
    finally:
        engine.dispose()


def _read(db: Connection, schema: str | None) -> dict[str, Any]:
    tables = inspect(db)
    if not tables.has_table("config", schema):
        return {}
    if "key" not in {column["name"] for column in tables.get_columns("config", schema)}:
        return {}
    rows = _rows(schema)
    found = db.execute(select(rows.c.key, rows.c.value).where(rows.c.key.in_((*_OPENAI, "ollama.base_urls"))))
    return {key: json.loads(value) if isinstance(value, str) else value for key, value in found}


def _rows(schema: str | None) -> TableClause:
    return table("config", column("key"), column("value"), schema=schema)
