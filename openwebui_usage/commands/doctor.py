"""`openwebui-usage doctor` and `status`: what works, what does not, and what to do about it."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from openwebui_usage.client.commands.database import saying_why
from openwebui_usage.client.commands.output import AsJson, fail

if TYPE_CHECKING:
    from openwebui_usage.checks import Check
    from openwebui_usage.client.storage import Place

_KEY_VARIABLE = "OPENWEBUI_USAGE_KEY"
_COLOURS = {"ok": typer.colors.GREEN, "warn": typer.colors.YELLOW, "fail": typer.colors.RED}

Url = Annotated[
    str | None,
    typer.Option(help="The address of a running Open WebUI, which knows what runs there.", show_default=False),
]
Key = Annotated[
    str | None,
    typer.Option(
        help=f"An admin's API key or session token for it. Default: {_KEY_VARIABLE}.",
        envvar=_KEY_VARIABLE,
        show_default=False,
        show_envvar=False,
    ),
]
OneDatabase = Annotated[
    str | None,
    typer.Option(
        help="A database URL, or the path of the ledger's SQLite file. Default: this environment's Open WebUI.",
        show_default=False,
    ),
]


def doctor(
    url: Url = None,
    key: Key = None,
    model: Annotated[
        str | None, typer.Option(help="Call this model, too, and look for the call in the ledger. Needs --url.")
    ] = None,
    database: OneDatabase = None,
    as_json: AsJson = False,
) -> None:
    """Say what works and what does not, with what to do. Changes nothing; ends with 1 where something fails."""
    if model is not None and url is None:
        fail("--model: needs --url, for a server makes the call", 2)
    checks = _look(url, key, database, model)
    if as_json:
        told = [{"id": each.id, "state": each.state, "text": each.text, "mend": each.mend} for each in checks]
        typer.echo(json.dumps({"state": _worst(checks), "checks": told}, ensure_ascii=False, indent=2))
    else:
        _print(checks)
        if url is None:
            typer.echo("\nWhat only a running server knows was not asked: --url http://… and --key do.")
    _end(checks)


def status(url: Url = None, key: Key = None, database: OneDatabase = None, as_json: AsJson = False) -> None:
    """Say in one line how the plugin fares. Ends with 1 where something fails."""
    from openwebui_usage.commands.running import NoServer, Server

    checks = _look(url, key, database, None)
    today: dict[str, Any] | None = None
    if url is not None:
        try:
            today = Server(url, key).today()
        except NoServer:
            today = None  # Among the checks already.
    if as_json:
        states = {each.id: each.state for each in checks}
        typer.echo(json.dumps({"state": _worst(checks), "checks": states, "today": today}, ensure_ascii=False))
    else:
        typer.echo(_line(checks, today))
    _end(checks)


def _look(url: str | None, key: str | None, database: str | None, model: str | None) -> list[Check]:
    from openwebui_usage.checks.installation import look_at_installation
    from openwebui_usage.commands.diagnosis import of_environment, of_installation

    with saying_why():
        if url is None:
            return of_environment(_place(database))
        checks = _ask(url, key, model)
        here = look_at_installation()
        known = {each.id for each in checks}
        # The server may be elsewhere, as in another container: then a fault that is here alone is none of it.
        answers = "server" not in known
        local = of_installation(here) if here.open_webui is not None else []
        mine = [each for each in local if each.id not in known and not (answers and each.state == "fail")]
        return [*mine, *checks]


def _ask(url: str, key: str | None, model: str | None) -> list[Check]:
    from openwebui_usage.checks.check import fail as failed
    from openwebui_usage.commands.running import NoServer, Server, checks_of

    server = Server(url, key)
    try:
        checks = checks_of(server.health())
    except NoServer as error:
        return [failed("server", *error.args)]
    return checks if model is None else [*checks, server.try_model(model)]


def _place(database: str | None) -> Place | None:
    """None: wherever this environment's Open WebUI keeps it; without one, DATABASE_URL."""
    from importlib.util import find_spec

    from openwebui_usage.client.storage import database_of
    from openwebui_usage.settings import ClientSettings, read_strictly

    if database is None and (find_spec("open_webui") is not None or not os.environ.get("DATABASE_URL")):
        return None
    return database_of(database, read_strictly(ClientSettings))


def _worst(checks: Sequence[Check]) -> str:
    found = {each.state for each in checks}
    return next(state for state in ("fail", "warn", "ok") if state in found or state == "ok")


def _end(checks: Sequence[Check]) -> None:
    if _worst(checks) == "fail":
        raise typer.Exit(1)


def _print(checks: Sequence[Check]) -> None:
    width = max(len(each.id) for each in checks)
    for each in checks:
        typer.echo(f"{typer.style(f'{each.state:<4}', fg=_COLOURS[each.state])}  {each.id:<{width}}  {each.text}")
        if each.mend is not None:
            typer.echo(f"{'':<{width + 8}}→ {each.mend}")
    counts = Counter(each.state for each in checks)
    told = [f"{counts['ok']} ok", f"{counts['warn']} to look at", f"{counts['fail']} failed"]
    typer.echo(f"\n{', '.join(told)}.")


def _line(checks: Sequence[Check], today: dict[str, Any] | None) -> str:
    """All of it in one line."""
    from openwebui_usage import __version__
    from openwebui_usage.checks.values import counted

    versions = next((each.text.rstrip(".") for each in checks if each.id == "versions"), None)
    parts = [versions or f"openwebui-usage {__version__}"]
    for state, words in (("fail", "fails"), ("warn", "to look at")):
        if named := [each.id for each in checks if each.state == state]:
            parts.append(f"{words}: {', '.join(named)}")
    if len(parts) == 1:
        parts.append("all ok")
    if today is not None:
        parts.append(
            f"{counted(today['calls'], 'call')} today, {counted(today['billed'], 'token')}, ${today['cost'] or 0:,.2f}"
        )
    return "; ".join(parts)
