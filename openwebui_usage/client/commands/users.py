"""`openwebui-usage users …`: the people who may use the token client, and their limits."""

from __future__ import annotations

import sys
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

import typer

from openwebui_usage.client.commands.database import Database, OfOpenWebUI, opened
from openwebui_usage.client.commands.output import AsJson, fail, print_json, print_table

Token = Annotated[str | None, typer.Argument(help="The user's token.", show_default=False)]
Name = Annotated[str | None, typer.Option(help="The user's name, instead of the token.", show_default=False)]

users = typer.Typer(
    help="The users of the token client.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@users.command("create")
def create(
    name: Annotated[str, typer.Argument(help="Who will use the token.")],
    limit: Annotated[str, typer.Option(help="US dollars that this user may spend.")] = "1000.0",
    database: Database = None,
    open_webui: OfOpenWebUI = False,
    as_json: AsJson = False,
) -> None:
    """Add a user, and print the token. It is shown this once: only a hash of it is kept."""
    from openwebui_usage.client.standalone import price_note
    from openwebui_usage.client.upstream import Upstream

    nano = _nano(limit, "--limit")
    if nano < 0:
        fail(f"--limit: must not be negative (got {limit})")
    with opened(database, open_webui) as session:
        status, token = session.accounts.create(_checked_name(name), nano)
        if as_json:
            print_json({**_user(status), "token": token})
            return
        typer.echo(f'Created user "{status.account.name}" with a limit of {_money(nano)}.')
        typer.echo(f"Token: {token}")
        typer.echo("It is not shown again: hand it over like a password.")
        for line in price_note(session, Upstream.configured(session.settings)):
            typer.echo(line, err=True)


@users.command("list")
def list_users(database: Database = None, open_webui: OfOpenWebUI = False, as_json: AsJson = False) -> None:
    """Show all users with what they used."""
    with opened(database, open_webui) as session:
        statuses = session.accounts.all()
    if as_json:
        print_json([_user(status) for status in statuses])
        return
    if not statuses:
        typer.echo('There are no users yet: openwebui-usage users create "Your Name" --limit 100.0')
        return
    rows = [
        (
            status.account.name,
            f"{status.account.token_start}******",
            _money(status.sums.cost_nano),
            _money(status.allowed_nano),
            _money(status.remaining_nano),
            f"{status.requests:,}",
            "active" if status.account.is_active else "inactive",
            (_time(status.account.last_used) or "never").replace("T", " "),
            status.account.last_ip or "",
        )
        for status in statuses
    ]
    heads = ("Name", "Token", "Cost", "Limit", "Remaining", "Requests", "Status", "Last used (UTC)", "Last IP")
    print_table(heads, rows, right=frozenset((2, 3, 4, 5)))


@users.command("toggle")
def toggle(
    token: Token = None,
    name: Name = None,
    database: Database = None,
    open_webui: OfOpenWebUI = False,
    as_json: AsJson = False,
) -> None:
    """Shut a user out, or let them in again."""
    with opened(database, open_webui) as session:
        status = session.accounts.toggle(_chosen(session.accounts, token, name).id)
    state = "active" if status.account.is_active else "inactive"
    _tell(status, as_json, f'"{status.account.name}" is {state} now.')


@users.command("reset")
def reset(
    token: Token = None,
    name: Name = None,
    database: Database = None,
    open_webui: OfOpenWebUI = False,
    as_json: AsJson = False,
) -> None:
    """Count a user's requests from zero. What was spent, and the ledger's rows, stay."""
    with opened(database, open_webui) as session:
        status = session.accounts.reset_requests(_chosen(session.accounts, token, name).id)
    _tell(status, as_json, f'The requests of "{status.account.name}" are counted from zero.')


_A_NEGATIVE_AMOUNT_IS_NO_OPTION = {"ignore_unknown_options": True}


@users.command("add_limit", hidden=True, context_settings=_A_NEGATIVE_AMOUNT_IS_NO_OPTION)
@users.command("add-limit", context_settings=_A_NEGATIVE_AMOUNT_IS_NO_OPTION)
def add_limit(
    values: Annotated[list[str], typer.Argument(metavar="[TOKEN] AMOUNT", help="US dollars; negative to lower.")],
    name: Name = None,
    database: Database = None,
    open_webui: OfOpenWebUI = False,
    as_json: AsJson = False,
) -> None:
    """Raise a user's limit, or lower it by a negative amount."""
    if len(values) != (1 if name else 2):
        fail("Give a token and an amount, or --name and an amount.", 2)
    nano = _nano(values[-1], "AMOUNT")
    with opened(database, open_webui) as session:
        account = _chosen(session.accounts, None if name else values[0], name)
        status = session.accounts.add_limit(account.id, nano)
    text = f'The limit of "{status.account.name}" is {_money(status.allowed_nano)} now'
    _tell(status, as_json, f"{text}, {_money(status.remaining_nano)} are left.")


@users.command("rotate")
def rotate(
    token: Token = None,
    name: Name = None,
    database: Database = None,
    open_webui: OfOpenWebUI = False,
    as_json: AsJson = False,
) -> None:
    """Give a user a new token. The old one is void at once."""
    with opened(database, open_webui) as session:
        status, fresh = session.accounts.rotate(_chosen(session.accounts, token, name).id)
    if as_json:
        print_json({**_user(status), "token": fresh})
        return
    typer.echo(f'The old token of "{status.account.name}" is void.')
    typer.echo(f"Token: {fresh}")
    typer.echo("It is not shown again: hand it over like a password.")


@users.command("delete")
def delete(
    token: Token = None,
    name: Name = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    database: Database = None,
    open_webui: OfOpenWebUI = False,
    as_json: AsJson = False,
) -> None:
    """Remove a user. The ledger keeps what was used."""
    with opened(database, open_webui) as session:
        account = _chosen(session.accounts, token, name)
        if not yes:
            if not sys.stdin.isatty():
                fail("Nothing was deleted: add --yes.")
            typer.confirm(f'Delete "{account.name}"?', abort=True)
        status = session.accounts.delete(account.id)
    _tell(status, as_json, f'Deleted "{account.name}".')


def _chosen(accounts: Any, token: str | None, name: str | None) -> Any:
    if (token is None) == (name is None):
        fail("Give a token, or --name.", 2)
    return accounts.find(token.strip()) if token is not None else accounts.named(name)


def _checked_name(name: str) -> str:
    from pydantic import TypeAdapter, ValidationError

    from openwebui_usage.api.fields import Name as Checked
    from openwebui_usage.client.accounts import LONGEST_NAME

    try:
        checked: str = TypeAdapter(Checked).validate_python(name)
    except ValidationError as error:
        fail(f"name: {error.errors()[0]['msg']}")
    if len(checked) > LONGEST_NAME:
        fail(f"name: must have 1 to {LONGEST_NAME} characters (got {len(checked)})")
    return checked


def _nano(text: str, field: str) -> int:
    from openwebui_usage.rules.money import nano_dollars

    try:
        amount = Decimal(text.removeprefix("$").replace("_", ""))
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or abs(amount) > 10**9:
        fail(f"{field}: must be an amount in US dollars, such as 100 or 12.50 (got {text!r})")
    return nano_dollars(amount)


def _money(nano: int | None) -> str:
    from openwebui_usage.rules.refusal_texts import amount

    return "none" if nano is None else amount(nano, "usd")


def _time(seconds: float | None) -> str | None:
    from datetime import UTC, datetime

    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _user(status: Any) -> dict[str, Any]:
    from openwebui_usage.client.answers import AccountStats
    from openwebui_usage.rules.money import dollars

    account = status.account
    return {
        **AccountStats.of(status).model_dump(),
        "remaining": dollars(status.remaining_nano),
        "token_start": account.token_start,
        "created_at": _time(account.created_at),
        "requests_reset_at": _time(account.requests_reset_at),
    }


def _tell(status: Any, as_json: bool, text: str) -> None:
    if as_json:
        print_json(_user(status))
    else:
        typer.echo(text)
