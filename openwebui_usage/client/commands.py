"""`openwebui-usage client`, `users …` and `prices …`, with what several of them share."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, NoReturn

import typer

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
AsJson = Annotated[bool, typer.Option("--json", help="For scripts.")]
Token = Annotated[str | None, typer.Argument(help="The user's token.", show_default=False)]
Name = Annotated[str | None, typer.Option(help="The user's name, instead of the token.", show_default=False)]

users = typer.Typer(
    help="The users of the token client.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
prices = typer.Typer(help="What models cost, where you know better than the public price lists.", no_args_is_help=True)


def serve(
    host: Annotated[str, typer.Option(help="The address to listen on; 0.0.0.0 lets other machines in.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8011,
    database: Database = None,
    open_webui: OfOpenWebUI = False,
) -> None:
    """Start the token client: a small chat for people with a token, with a limit in dollars for each."""
    import socket

    from openwebui_usage.client import standalone

    with _saying_why():
        settings, place = _where(database, open_webui)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            listening = socket.create_server((host, port), family=family)
        except OSError as error:
            _fail(f"Cannot listen on {host}:{port} ({error.strerror}): choose another --port.")
        client = standalone.Standalone(place, settings)
        for line in standalone.greeting(client, host, port):
            typer.echo(line)
    sys.stdout.flush()
    standalone.run(client, listening)


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
        _fail(f"--limit: must not be negative (got {limit})")
    with _opened(database, open_webui) as opened:
        status, token = opened.accounts.create(_checked_name(name), nano)
        if as_json:
            _print_json({**_user(status), "token": token})
            return
        typer.echo(f'Created user "{status.account.name}" with a limit of {_money(nano)}.')
        typer.echo(f"Token: {token}")
        typer.echo("It is not shown again: hand it over like a password.")
        for line in price_note(opened, Upstream.configured(opened.settings)):
            typer.echo(line, err=True)


@users.command("list")
def list_users(database: Database = None, open_webui: OfOpenWebUI = False, as_json: AsJson = False) -> None:
    """Show all users with what they used."""
    with _opened(database, open_webui) as opened:
        statuses = opened.accounts.all()
    if as_json:
        _print_json([_user(status) for status in statuses])
        return
    if not statuses:
        typer.echo('There are no users yet: openwebui-usage users create "Your Name" --limit 100.0')
        return
    rows = [
        (
            status.account.name,
            f"{status.account.token_start}******",
            _money(status.sums.cost_nano),
            _money(status.limit_nano),
            _money(status.remaining_nano),
            f"{status.requests:,}",
            "active" if status.account.is_active else "inactive",
            (_time(status.account.last_used) or "never").replace("T", " "),
            status.account.last_ip or "",
        )
        for status in statuses
    ]
    heads = ("Name", "Token", "Cost", "Limit", "Remaining", "Requests", "Status", "Last used (UTC)", "Last IP")
    _print_table(heads, rows, right=frozenset((2, 3, 4, 5)))


@users.command("toggle")
def toggle(
    token: Token = None,
    name: Name = None,
    database: Database = None,
    open_webui: OfOpenWebUI = False,
    as_json: AsJson = False,
) -> None:
    """Shut a user out, or let them in again."""
    with _opened(database, open_webui) as opened:
        status = opened.accounts.toggle(_chosen(opened.accounts, token, name).id)
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
    with _opened(database, open_webui) as opened:
        status = opened.accounts.reset_requests(_chosen(opened.accounts, token, name).id)
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
        _fail("Give a token and an amount, or --name and an amount.", 2)
    nano = _nano(values[-1], "AMOUNT")
    with _opened(database, open_webui) as opened:
        account = _chosen(opened.accounts, None if name else values[0], name)
        status = opened.accounts.add_limit(account.id, nano)
    text = f'The limit of "{status.account.name}" is {_money(status.limit_nano)} now'
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
    with _opened(database, open_webui) as opened:
        status, fresh = opened.accounts.rotate(_chosen(opened.accounts, token, name).id)
    if as_json:
        _print_json({**_user(status), "token": fresh})
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
    with _opened(database, open_webui) as opened:
        account = _chosen(opened.accounts, token, name)
        if not yes:
            if not sys.stdin.isatty():
                _fail("Nothing was deleted: add --yes.")
            typer.confirm(f'Delete "{account.name}"?', abort=True)
        status = opened.accounts.delete(account.id)
    _tell(status, as_json, f'Deleted "{account.name}".')


@prices.command("list")
def list_prices(database: Database = None, open_webui: OfOpenWebUI = False, as_json: AsJson = False) -> None:
    """Show the prices that you set, in US dollars per million tokens."""
    with _opened(database, open_webui) as opened:
        found = opened.store.prices()
    if as_json:
        from openwebui_usage.api.models import price_json

        _print_json([price_json(price) for price in found])
        return
    if not found:
        typer.echo("You set no prices: the public ones count.")
        return
    rows = [
        tuple(
            "" if value is None else _plain(value) if isinstance(value, Decimal) else value
            for value in (
                price.pattern,
                price.input,
                price.output,
                price.cached_input,
                price.cache_write,
                price.request,
            )
        )
        for price in found
    ]
    heads = ("Model", "Input", "Output", "Cached input", "Cache write", "Per request")
    _print_table(heads, rows, right=frozenset(range(1, 6)))


@prices.command("set")
def set_price(
    model: Annotated[str, typer.Argument(help="A model's id, or a pattern such as gpt-4o*.")],
    input_: Annotated[str, typer.Option("--input", help="US dollars per million prompt tokens.")],
    output: Annotated[str, typer.Option(help="US dollars per million tokens of answer and reasoning.")],
    cached_input: Annotated[str | None, typer.Option(help="For prompt tokens from the provider's cache.")] = None,
    cache_write: Annotated[str | None, typer.Option(help="For prompt tokens written to it.")] = None,
    request: Annotated[str, typer.Option(help="US dollars per request.")] = "0",
    database: Database = None,
    open_webui: OfOpenWebUI = False,
) -> None:
    """Set the price of a model. What was counted before keeps its cost."""
    from pydantic import ValidationError

    from openwebui_usage.api.models import NewPrice

    given = {"model": model, "input": input_, "output": output, "request": request}
    given |= {} if cached_input is None else {"cached_input": cached_input}
    given |= {} if cache_write is None else {"cache_write": cache_write}
    try:
        price = NewPrice.model_validate(given).price()
    except ValidationError as error:
        first = error.errors()[0]
        _fail(f"{'.'.join(map(str, first['loc']))}: {first['msg']}")
    with _opened(database, open_webui) as opened:
        opened.store.put_price(price)
    typer.echo(f"{model}: ${_plain(price.input)} for a million tokens in, ${_plain(price.output)} out.")


@prices.command("delete")
def delete_price(
    model: Annotated[str, typer.Argument(help="As it was set.")],
    database: Database = None,
    open_webui: OfOpenWebUI = False,
) -> None:
    """Remove a price that you set."""
    from openwebui_usage.ledger import PriceMissing

    with _opened(database, open_webui) as opened:
        try:
            opened.store.delete_price(model)
        except PriceMissing:
            _fail(f'You set no price for "{model}".')
    typer.echo(f"{model} costs what the public price lists say.")


@contextmanager
def _opened(database: str | None, open_webui: bool) -> Iterator[Any]:
    from openwebui_usage.client.storage import open_database

    with _saying_why():
        settings, place = _where(database, open_webui)
        opened = open_database(place, settings)
        try:
            yield opened
        finally:
            opened.engine.dispose()


def _where(database: str | None, open_webui: bool) -> tuple[Any, Any]:
    from openwebui_usage.client.storage import ConfigError, Place, database_of, read_settings

    settings = read_settings()
    mounted = os.environ.get("OPENWEBUI_USAGE_CLIENT", "").strip().lower() in ("true", "1", "yes", "on")
    if database is not None or not (open_webui or mounted):
        return settings, database_of(database, settings)
    from openwebui_usage.launch import probe

    facts: Mapping[str, str] = probe().facts
    if "DATABASE_URL" not in facts:
        raise ConfigError("This environment's Open WebUI does not say where its database is: name it with --database.")
    return settings, Place(facts["DATABASE_URL"], facts.get("DATABASE_SCHEMA"), of_open_webui=True)


@contextmanager
def _saying_why() -> Iterator[None]:
    """One sentence, instead of a traceback."""
    from sqlalchemy.exc import SQLAlchemyError

    from openwebui_usage.client.accounts import AccountExists, AccountMissing, OtherSecret
    from openwebui_usage.client.storage import ConfigError

    try:
        yield
    except ConfigError as reason:
        _fail(str(reason))
    except AccountExists as name:
        _fail(f'A user "{name}" exists already.')
    except AccountMissing:
        _fail("There is no such user: openwebui-usage users list shows all.")
    except OtherSecret:
        _fail(
            "The users in this database have tokens that were made with another secret, so their server would not know "
            "a token from here. Set OPENWEBUI_USAGE_CLIENT_SECRET or WEBUI_SECRET_KEY as that server has it, or rotate "
            "all tokens here."
        )
    except SQLAlchemyError as error:
        _fail(f"The database does not answer: {str(error).partition(chr(10))[0]}")


def _chosen(accounts: Any, token: str | None, name: str | None) -> Any:
    if (token is None) == (name is None):
        _fail("Give a token, or --name.", 2)
    return accounts.find(token.strip()) if token is not None else accounts.named(name)


def _checked_name(name: str) -> str:
    from pydantic import TypeAdapter, ValidationError

    from openwebui_usage.api.fields import Name as Checked
    from openwebui_usage.client.accounts import LONGEST_NAME

    try:
        checked: str = TypeAdapter(Checked).validate_python(name)
    except ValidationError as error:
        _fail(f"name: {error.errors()[0]['msg']}")
    if len(checked) > LONGEST_NAME:
        _fail(f"name: must have 1 to {LONGEST_NAME} characters (got {len(checked)})")
    return checked


def _nano(text: str, field: str) -> int:
    from openwebui_usage.rules.pricing import nano_dollars

    try:
        amount = Decimal(text.removeprefix("$").replace("_", ""))
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or abs(amount) > 10**9:
        _fail(f"{field}: must be an amount in US dollars, such as 100 or 12.50 (got {text!r})")
    return nano_dollars(amount)


def _money(nano: int | None) -> str:
    from openwebui_usage.rules.budgets import amount

    return "none" if nano is None else amount(nano, "usd")


def _plain(rate: Decimal) -> str:
    return f"{rate.normalize():f}"


def _time(seconds: float | None) -> str | None:
    from datetime import UTC, datetime

    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _user(status: Any) -> dict[str, Any]:
    from openwebui_usage.client.chat import stats
    from openwebui_usage.rules.pricing import dollars

    account = status.account
    return {
        **stats(status),
        "remaining": dollars(status.remaining_nano),
        "token_start": account.token_start,
        "created_at": _time(account.created_at),
        "requests_reset_at": _time(account.requests_reset_at),
    }


def _tell(status: Any, as_json: bool, text: str) -> None:
    if as_json:
        _print_json(_user(status))
    else:
        typer.echo(text)


def _print_json(value: object) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2))


def _print_table(heads: Sequence[str], rows: Sequence[Sequence[str]], right: frozenset[int]) -> None:
    """Fitted to a terminal; whole, however wide, where the output goes elsewhere."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.measure import Measurement
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    for number, head in enumerate(heads):
        table.add_column(head, justify="right" if number in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = Measurement.get(console, console.options.update(max_width=100_000), table).maximum
    console.print(table)


def _fail(text: str, code: int = 1) -> NoReturn:
    typer.echo(text, err=True)
    raise typer.Exit(code)
