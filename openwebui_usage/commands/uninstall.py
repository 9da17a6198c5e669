"""`openwebui-usage uninstall`: takes the plugin out of this environment's Open WebUI."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from openwebui_usage.client.commands.database import saying_why
from openwebui_usage.client.commands.output import fail


def uninstall(
    purge: Annotated[bool, typer.Option("--purge", help="Also drop the ledger, with all that was counted.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would go.")] = False,
    keep_packages: Annotated[
        bool, typer.Option("--keep-packages", help="Leave the package itself: an image or another tool removes it.")
    ] = False,
) -> None:
    """Take the plugin out: its functions and packages, and with --purge its ledger. Stop Open WebUI before.

    It shows what goes, and asks. Open WebUI, its users and its chats stay as they are.
    """
    import subprocess
    from dataclasses import replace

    from openwebui_usage.client.storage import ConfigError, Place
    from openwebui_usage.commands.removal import plan_removal
    from openwebui_usage.launch import probe
    from openwebui_usage.settings import Settings, read_settings

    with saying_why():
        facts = probe().facts
        if "DATABASE_URL" not in facts:
            raise ConfigError(
                "This environment's Open WebUI does not say where its database is: run the command that lies beside "
                "`open-webui`, with the same environment variables."
            )
        place = Place(facts["DATABASE_URL"], facts.get("DATABASE_SCHEMA"), of_open_webui=True)
        settings, _ = read_settings(Settings)
        spool = settings.spool_dir or Path(facts.get("DATA_DIR") or place.folder) / "usage-spool"
        found = plan_removal(place, spool, purge=purge)
        if keep_packages:
            found = replace(found, packages=())
        lines = found.lines()
        if not lines:
            typer.echo("Nothing of the plugin is here.")
            return
        typer.echo("This goes:")
        for line in lines:
            typer.echo(f"  {line}")
        if not purge:
            typer.echo("The ledger stays; --purge drops it as well.")
        elif not purge_is_safe(spool):
            typer.echo(f"Calls wait in {spool} that are not in the ledger yet.")
        if dry_run:
            return
        if not yes and not typer.confirm("Is Open WebUI stopped, and shall this go?"):
            fail("Nothing was removed.")
        try:
            found.run()
        except subprocess.CalledProcessError:
            fail(f"Everything else is removed. This is left to do: pip uninstall {' '.join(found.packages)}")
        except OSError as error:
            fail(f"{error.filename}: {error.strerror}")
    typer.echo("The plugin is removed.")


def purge_is_safe(spool: Path) -> bool:
    """Whether no calls wait outside of the ledger."""
    from openwebui_usage.ledger.spool import Spool

    return Spool(spool).counts()[0] == 0
