"""What all that reads and writes the ledger's tables has in common."""

from __future__ import annotations

from sqlalchemy import Connection, Engine

from openwebui_usage.ledger.definitions import Definitions, read_definitions, read_revision
from openwebui_usage.ledger.recount import Recount
from openwebui_usage.rules.pricing import Price


class Tables:
    """The ledger's tables on `engine`, and the definitions as they were read last."""

    def __init__(self, engine: Engine, schema: str | None = None, fallback_price: Price | None = None) -> None:
        """`schema` is PostgreSQL's, where the host keeps its tables in one of its own; for `fallback_price` see
        `PriceBook`.
        """
        self._engine = engine.execution_options(schema_translate_map={None: schema}) if schema else engine
        self._schema = schema
        self._fallback_price = fallback_price
        self._definitions = Definitions()
        self._recount = Recount(self._engine, schema)

    def definitions(self) -> Definitions:
        """The current groups, budgets and prices."""
        with self._engine.connect() as connection:
            return self._refresh(connection)

    def _refresh(self, connection: Connection) -> Definitions:
        """The definitions as of this transaction. They are only read again if one was changed."""
        definitions = self._definitions
        if read_revision(connection) != definitions.revision:
            definitions = self._definitions = read_definitions(connection, self._fallback_price)
        return definitions
