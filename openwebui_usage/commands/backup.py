"""`openwebui-usage ledger backup` and `ledger restore`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from openwebui_usage.client.commands.database import Database, OfOpenWebUI, saying_why, where
from openwebui_usage.client.commands.output import fail

if TYPE_CHECKING:
    from openwebui_usage.ledger.backup import LedgerFiles


def backup(
    folder: Annotated[Path, typer.Argument(help="A folder that is not there yet.", show_default=False)],
    database: Database = None,
    open_webui: OfOpenWebUI = False,
) -> None:
    """Copy the ledger, the calls that wait to be written, and the token client's secret. Calls go on meanwhile."""
    import sqlite3

    from openwebui_usage.ledger.backup import NotWhole, back_up

    files = _files(database, open_webui)
    try:
        copies = back_up(files, folder)
    except FileExistsError:
        fail(f"{folder} is there already: name another one.")
    except NotWhole as error:
        fail(str(error))
    except (OSError, sqlite3.Error) as error:
        fail(f"The ledger could not be copied: {error}")
    for path in copies:
        typer.echo(path)
    if files.secret is None:
        typer.echo("Keep Open WebUI's WEBUI_SECRET_KEY as well: the token client's tokens are only known with it.")


def restore(
    folder: Annotated[Path, typer.Argument(help="What `ledger backup` made.", show_default=False)],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    database: Database = None,
    open_webui: OfOpenWebUI = False,
) -> None:
    """Put a backup in the place of the ledger. Stop the server before. What was there stays beside it."""
    from openwebui_usage.ledger.backup import InUse, NotWhole, check_whole
    from openwebui_usage.ledger.backup import restore as put_back

    files = _files(database, open_webui)
    try:
        check_whole(folder / files.database.name)
        if not yes and not typer.confirm(f"Is the server stopped, and shall {files.database} be replaced?"):
            fail("Nothing was changed.")
        put = put_back(files, folder, f".before-{time.strftime('%Y%m%d-%H%M%S')}")
    except (InUse, NotWhole) as error:
        fail(str(error))
    except OSError as error:
        fail(f"{error.filename}: {error.strerror}")
    for path in put:
        typer.echo(path)


def _files(database: str | None, open_webui: bool) -> LedgerFiles:
    """Ends the command where the ledger is in no file of its own."""
    from openwebui_usage.client.storage import SECRET_FILE
    from openwebui_usage.ledger.backup import LedgerFiles
    from openwebui_usage.settings import Settings, read_settings

    with saying_why():
        _, place = where(database, open_webui)
        settings, _ = read_settings(Settings)
    if place.file is None:
        fail(
            "This ledger is in no file of its own: back it up and restore it with the rest of its database, with "
            "pg_dump and pg_restore."
        )
    spool = settings.spool_dir or place.folder / "usage-spool"
    return LedgerFiles(place.file, spool, None if place.of_open_webui else place.folder / SECRET_FILE)
