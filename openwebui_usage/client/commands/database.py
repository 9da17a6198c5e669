"""The database that a command works on, and the error message if it cannot be opened."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from openwebui_usage.client.commands.output import fail

Database = Annotated[
    str | None,
    typer.Option(
        help="A database URL, or the path of a SQLite file. Default: DATABASE_URL, else usage-client.db here.",
        show_default=False,
    ),
]
OfOpenWebUI = Annotated[
    bool,
    typer.Option(
        "--open-webui",
        help="The database of this environment's Open WebUI. So it is where OPENWEBUI_USAGE_CLIENT=true is set.",
    ),
]

WRONG_SETTING = 2
"""The exit status where a variable has a wrong value, as it is where an option has one."""


@contextmanager
def opened(database: str | None, open_webui: bool) -> Iterator[Any]:
    from openwebui_usage.client.storage import open_database

    with saying_why():
        settings, place = where(database, open_webui)
        session = open_database(place, settings)
        try:
            yield session
        finally:
            session.engine.dispose()


def where(database: str | None, open_webui: bool) -> tuple[Any, Any]:
    from openwebui_usage.client.storage import ConfigError, Place, database_of
    from openwebui_usage.settings import ClientSettings, read_strictly

    settings = read_strictly(ClientSettings)
    mounted = os.environ.get("OPENWEBUI_USAGE_CLIENT", "").strip().lower() in ("true", "1", "yes", "on")
    if database is not None or not (open_webui or mounted):
        return settings, database_of(database, settings)
    from openwebui_usage.launch import probe

    facts: Mapping[str, str] = probe().facts
    if "DATABASE_URL" not in facts:
        raise ConfigError("This environment's Open WebUI does not say where its database is: name it with --database.")
    return settings, Place(facts["DATABASE_URL"], facts.get("DATABASE_SCHEMA"), of_open_webui=True)


@contextmanager
def saying_why() -> Iterator[None]:
    """Print errors as one sentence instead of a traceback."""
    from sqlalchemy.exc import SQLAlchemyError

    from openwebui_usage.client.accounts import AccountExists, AccountMissing, OtherSecret
    from openwebui_usage.client.storage import ConfigError
    from openwebui_usage.settings import SettingsError

    try:
        yield
    except SettingsError as reason:
        fail(str(reason), WRONG_SETTING)
    except ConfigError as reason:
        fail(str(reason))
    except AccountExists as name:
        fail(f'A user "{name}" exists already.')
    except AccountMissing:
        fail("There is no such user: openwebui-usage users list shows all.")
    except OtherSecret:
        fail(
            "The users in this database have tokens that were made with another secret, so their server would not know "
            "a token from here. Set OPENWEBUI_USAGE_CLIENT_SECRET or WEBUI_SECRET_KEY as that server has it, or rotate "
            "all tokens here."
        )
    except SQLAlchemyError as error:
        fail(f"The database does not answer: {str(error).partition(chr(10))[0]}")
