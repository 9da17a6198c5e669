"""`openwebui-usage client`: the token client as a server of its own."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from openwebui_usage.client.commands.database import Database, OfOpenWebUI, saying_why, where
from openwebui_usage.client.commands.output import fail


def serve(
    host: Annotated[str, typer.Option(help="The address to listen on; 0.0.0.0 lets other machines in.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8011,
    database: Database = None,
    open_webui: OfOpenWebUI = False,
) -> None:
    """Start the token client: a small chat for people with a token, with a limit in dollars for each."""
    import socket

    from openwebui_usage.client import standalone

    with saying_why():
        settings, place = where(database, open_webui)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            listening = socket.create_server((host, port), family=family)
        except OSError as error:
            fail(f"Cannot listen on {host}:{port} ({error.strerror}): choose another --port.")
        client = standalone.Standalone(place, settings)
        for line in standalone.greeting(client, host, port):
            typer.echo(line)
    sys.stdout.flush()
    standalone.run(client, listening)
