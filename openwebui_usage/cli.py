"""`openwebui-usage …`: the command line. Each command imports what it needs itself, so that `--help` stays quick."""

from typing import Annotated

import typer

from openwebui_usage.client.commands.serve import serve as serve_client
from openwebui_usage.client.commands.users import users
from openwebui_usage.commands.calls import calls, export
from openwebui_usage.commands.config import config
from openwebui_usage.commands.doctor import doctor, status
from openwebui_usage.commands.ledger import ledger
from openwebui_usage.commands.prices import prices
from openwebui_usage.commands.report import report
from openwebui_usage.commands.uninstall import uninstall

app = typer.Typer(
    name="openwebui-usage",
    help="Meters, limits and steers every model call of an Open WebUI.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Port = Annotated[int, typer.Option(min=1, max=65535)]


@app.command()
def version() -> None:
    """Print the version of this package, and of the Open WebUI beside it."""
    from openwebui_usage import __version__
    from openwebui_usage.checks.installation import host_version

    typer.echo(f"openwebui-usage {__version__}")
    host = host_version()
    typer.echo("open-webui is not installed here" if host is None else f"open-webui {host}")


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="The address to listen on; 0.0.0.0 lets other machines in.")] = "127.0.0.1",
    port: Port = 8081,
    demo: Annotated[
        bool | None,
        typer.Option("--demo/--no-demo", help="Run the demo provider; default: where no provider is configured."),
    ] = None,
) -> None:
    """Start Open WebUI, with a demo provider where none is configured."""
    from openwebui_usage import launch

    try:
        launch.serve(host, port, demo)
    except launch.CannotStart as reason:
        typer.echo(str(reason), err=True)
        raise typer.Exit(1) from None


@app.command()
def demo(port: Port = 8082) -> None:
    """Run the demo provider alone, on loopback."""
    import socket

    import uvicorn

    from openwebui_usage.demo.server import create_app

    try:
        listening = socket.create_server(("127.0.0.1", port))
    except OSError as error:
        typer.echo(f"Cannot listen on 127.0.0.1:{port} ({error.strerror}): choose another --port.", err=True)
        raise typer.Exit(1) from None
    typer.echo(f"The demo provider answers on http://127.0.0.1:{port}/v1; Ctrl-C stops it.")
    uvicorn.Server(uvicorn.Config(create_app(), log_level="warning")).run([listening])


app.command("client")(serve_client)
app.command("doctor")(doctor)
app.command("status")(status)
app.command("uninstall")(uninstall)
app.command("report")(report)
app.command("calls")(calls)
app.add_typer(users, name="users")
app.add_typer(prices, name="prices")
app.add_typer(config, name="config")
app.add_typer(ledger, name="ledger")
app.add_typer(export, name="export")


if __name__ == "__main__":
    app()
