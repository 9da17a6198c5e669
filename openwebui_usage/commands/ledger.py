"""`openwebui-usage ledger …`: whether sums are what their rows say, and copies of all of it."""

from __future__ import annotations

from typing import Annotated

import typer

from openwebui_usage.client.commands.database import Database, OfOpenWebUI, opened
from openwebui_usage.client.commands.output import AsJson, print_json
from openwebui_usage.commands.backup import backup, restore

ledger = typer.Typer(help="The ledger itself.", no_args_is_help=True)


ledger.command("backup")(backup)
ledger.command("restore")(restore)


@ledger.callback()
def _ledger() -> None:
    """The ledger itself."""


@ledger.command("check")
def check(
    repair: Annotated[bool, typer.Option("--repair", help="Make the sums what their rows say.")] = False,
    database: Database = None,
    open_webui: OfOpenWebUI = False,
    as_json: AsJson = False,
) -> None:
    """Compare the sums for reports, and the totals of usage groups, with the rows of calls. Calls go on meanwhile.

    Ends with 1 where something differs and was not repaired.
    """
    from rich.console import Console
    from rich.progress import Progress

    with opened(database, open_webui) as session:
        sums = session.store.check_sums()
        found = []
        with Progress(console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task("Comparing", total=len(sums.days()))
            for difference in sums.differences(lambda day: progress.advance(task)):
                found.append(difference.what)
                if repair:
                    sums.repair(difference)
    if as_json:
        print_json({"differences": found, "repaired": repair and bool(found)})
    elif not found:
        typer.echo("All sums are what their rows say.")
    else:
        for what in found:
            typer.echo(f"{what}{': repaired' if repair else ''}.")
    if found and not repair:
        raise typer.Exit(1)
