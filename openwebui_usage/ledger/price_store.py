"""The admin's prices in SQL."""

from __future__ import annotations

from sqlalchemy import Connection, delete, insert, select

from openwebui_usage.ledger.database import writing
from openwebui_usage.ledger.definitions import (
    price_from,
    price_values,
    raise_revision,
)
from openwebui_usage.ledger.errors import (
    PriceMissing,
)
from openwebui_usage.ledger.journal import note
from openwebui_usage.ledger.schema import usage_price
from openwebui_usage.ledger.tables import Tables
from openwebui_usage.rules.pricing import Price, by_specificity


class PriceStore(Tables):
    """Every method is one short transaction and blocks: call it off the event loop."""

    def prices(self) -> list[Price]:
        """All prices set by admins, the most specific first."""
        with self._engine.connect() as connection:
            return by_specificity(price_from(row) for row in connection.execute(select(usage_price)))

    def put_price(self, price: Price) -> None:
        """Set the price of a pattern. Earlier calls keep their cost."""
        with writing(self._engine) as connection:
            before = _price(connection, price.pattern)
            connection.execute(delete(usage_price).where(usage_price.c.pattern == price.pattern))
            note(connection, "price", price.pattern, "added" if before is None else "changed", before, price)
            connection.execute(insert(usage_price), price_values(price))
            raise_revision(connection)

    def delete_price(self, pattern: str) -> None:
        """Remove the price of a pattern. Raises `PriceMissing`."""
        with writing(self._engine) as connection:
            before = _price(connection, pattern)
            if before is None:
                raise PriceMissing(pattern)
            connection.execute(delete(usage_price).where(usage_price.c.pattern == pattern))
            note(connection, "price", pattern, "removed", before, None)
            raise_revision(connection)


def _price(connection: Connection, pattern: str) -> Price | None:
    row = connection.execute(select(usage_price).where(usage_price.c.pattern == pattern)).first()
    return None if row is None else price_from(row)
