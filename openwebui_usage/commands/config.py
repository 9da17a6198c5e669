"""`openwebui-usage config …`: everything that admins define, as one YAML file."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from openwebui_usage.client.commands.database import Database, OfOpenWebUI, opened
from openwebui_usage.client.commands.output import AsJson, fail, print_json
from openwebui_usage.commands.files import write

if TYPE_CHECKING:
    from openwebui_usage.api.answers.configuration import ConfigurationChange

config = typer.Typer(help="Groups, budgets, prices, cost centers and readers, as one YAML file.", no_args_is_help=True)
_SIGNS = {"added": "+", "changed": "~", "removed": "-"}
_TITLES = {
    "groups": "group",
    "budgets": "budget",
    "prices": "price",
    "cost_centers": "cost center",
    "readers": "readers",
}


@config.command("export")
def export_config(
    output: Annotated[Path | None, typer.Option(help="A file to write to. Default: standard output.")] = None,
    database: Database = None,
    open_webui: OfOpenWebUI = False,
) -> None:
    """Write all that is defined."""
    from openwebui_usage.api.configuration import write_configuration

    with opened(database, open_webui) as session:
        found = session.store.configuration()
    write([write_configuration(found).encode()], output)


@config.command("import")
def import_config(
    file: Annotated[Path, typer.Argument(help="The file, or - for standard input.", show_default=False)],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be changed.")] = False,
    prune: Annotated[bool, typer.Option("--prune", help="Remove what a section of the file does not name.")] = False,
    database: Database = None,
    open_webui: OfOpenWebUI = False,
    as_json: AsJson = False,
) -> None:
    """Define what a file says, whole or not at all. Servers on this database know it within seconds."""
    from openwebui_usage.api.answers.configuration import ConfigurationChange
    from openwebui_usage.api.configuration import NotValid, read_configuration
    from openwebui_usage.ledger import Busy, GroupInUse, GroupUnknown, HasCredit
    from openwebui_usage.settings import Settings, read_settings

    try:
        text = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        fail(f"{file}: {error.strerror}")
    settings, _ = read_settings(Settings)
    with opened(database, open_webui) as session:
        try:
            store = session.store
            wanted = read_configuration(text, settings.counting, store.configuration().groups, prune=prune)
            update = store.preview_configuration(wanted) if dry_run else store.configure(wanted)
        except NotValid as error:
            fail("\n".join(f"{file}: {fault}" for fault in error.faults))
        except GroupUnknown as name:  # It was deleted at this moment.
            fail(f'There is no usage group "{name}".')
        except GroupInUse as group:
            fail(f'The file leaves out the usage group "{group}", which the budget "{group.budgets[0]}" counts.')
        except HasCredit as credit:
            fail(f"{file}: {credit}")
        except Busy:
            fail("Somebody else changes the same at this moment. Try again.")
    change = ConfigurationChange.of(update, wanted, dry_run=dry_run)
    if as_json:
        print_json(change.model_dump(by_alias=True))
    else:
        _print(change)


def _print(change: ConfigurationChange) -> None:
    for entry in change.changes:
        typer.echo(f"{_SIGNS[entry.change]} {_TITLES[entry.section]} {entry.name}")
        for field in entry.fields:
            if entry.change == "changed":
                typer.echo(f"    {field.field}: {_text(field.from_)} -> {_text(field.to)}")
            else:
                typer.echo(f"    {field.field}: {_text(field.to if entry.change == 'added' else field.from_)}")
    for kept in change.kept:
        typer.echo(f"  {_TITLES[kept.section]} {kept.name}: not in the file, stays")
    if not change.changes:
        typer.echo("Nothing differs.")
    elif change.dry_run:
        typer.echo("Nothing was changed: this was a dry run.")


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
