"""Alembic's entry: runs on the connection that `migrate` hands in, with a version table of our own."""

from alembic import context

from openwebui_usage.ledger.database import VERSION_TABLE
from openwebui_usage.ledger.schema import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    version_table_schema=context.config.attributes.get("schema"),
    transactional_ddl=False,  # The transaction is the caller's.
)
context.run_migrations()
