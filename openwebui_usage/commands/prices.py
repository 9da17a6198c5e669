"""`openwebui-usage prices …`: an admin's own prices of models."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

import typer

from openwebui_usage.client.commands.database import Database, OfOpenWebUI, opened
from openwebui_usage.client.commands.output import AsJson, fail, print_json, print_table

prices = typer.Typer(help="What models cost, where you know better than the public price lists.", no_args_is_help=True)


@prices.command("list")
def list_prices(database: Database = None, open_webui: OfOpenWebUI = False, as_json: AsJson = False) -> None:
    """Show the prices that you set, in US dollars per million tokens."""
    with opened(database, open_webui) as session:
        found = session.store.prices()
    if as_json:
        from openwebui_usage.api.answers.prices import UsagePrice

        print_json([UsagePrice.of(price).model_dump() for price in found])
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
    print_table(heads, rows, right=frozenset(range(1, 6)))


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

    from openwebui_usage.api.requests import NewPrice

    given = {"model": model, "input": input_, "output": output, "request": request}
    given |= {} if cached_input is None else {"cached_input": cached_input}
    given |= {} if cache_write is None else {"cache_write": cache_write}
    try:
        price = NewPrice.model_validate(given).price()
    except ValidationError as error:
        first = error.errors()[0]
        fail(f"{'.'.join(map(str, first['loc']))}: {first['msg']}")
    with opened(database, open_webui) as session:
        session.store.put_price(price)
    typer.echo(f"{model}: ${_plain(price.input)} for a million tokens in, ${_plain(price.output)} out.")


@prices.command("delete")
def delete_price(
    model: Annotated[str, typer.Argument(help="As it was set.")],
    database: Database = None,
    open_webui: OfOpenWebUI = False,
) -> None:
    """Remove a price that you set."""
    from openwebui_usage.ledger import PriceMissing

    with opened(database, open_webui) as session:
        try:
            session.store.delete_price(model)
        except PriceMissing:
            fail(f'You set no price for "{model}".')
    typer.echo(f"{model} costs what the public price lists say.")


def _plain(rate: Decimal) -> str:
    return f"{rate.normalize():f}"
