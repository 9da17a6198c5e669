"""Resets are remembered, budgets know their usage group by its id, and counters can be counted beside the writers."""

import logging

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

log = logging.getLogger(__name__)

_LARGEST = 2**62 - 1
_SUMS = ("input", "cached_input", "cache_write", "completion", "reasoning", "output", "cost_nano")


def upgrade() -> None:
    """Add a column and a table, and put ids in the place of names."""
    op.add_column("usage_group", sa.Column("reset_at", sa.Float))
    op.create_table(
        "usage_recount",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("counter", sa.Text, nullable=False),
        sa.Column("started_at", sa.Float, nullable=False),
    )
    op.add_column("usage_budget", sa.Column("group_id", sa.String(100)))
    connection = op.get_bind()
    columns: list[sa.ColumnClause[str]] = [sa.column(name) for name in ("id", "name", "group", "group_id")]
    budgets, groups = sa.table("usage_budget", *columns), sa.table("usage_group", sa.column("id"), sa.column("name"))
    ids = {name: id_ for id_, name in connection.execute(sa.select(groups.c.id, groups.c.name))}
    named = sa.select(budgets.c.id, budgets.c.name, budgets.c.group).where(budgets.c.group.is_not(None))
    for id_, name, group in connection.execute(named).all():
        if group not in ids:
            log.warning(
                'The budget "%s" counts nothing: there is no usage group "%s". Give it another one', name, group
            )
        # A name that no group has stays, and counts nothing, as before: without it the budget would count everything.
        connection.execute(budgets.update().where(budgets.c.id == id_).values(group_id=ids.get(group, group)))
    op.drop_column("usage_budget", "group")
    if connection.dialect.name == "sqlite":  # It had gone on with floats where a sum left 64 bits.
        totals = sa.table("usage_total", *(sa.column(name) for name in _SUMS))
        for name in _SUMS:
            column = totals.c[name]
            connection.execute(totals.update().where(sa.func.typeof(column) == "real").values({name: _LARGEST}))


def downgrade() -> None:
    """Names again; a reset is forgotten."""
    op.add_column("usage_budget", sa.Column("group", sa.String(100)))
    connection = op.get_bind()
    budgets = sa.table("usage_budget", sa.column("group"), sa.column("group_id"))
    groups = sa.table("usage_group", sa.column("id"), sa.column("name"))
    name = sa.select(groups.c.name).where(groups.c.id == budgets.c.group_id).scalar_subquery()
    connection.execute(budgets.update().values(group=sa.func.coalesce(name, budgets.c.group_id)))
    op.drop_column("usage_budget", "group_id")
    op.drop_table("usage_recount")
    op.drop_column("usage_group", "reset_at")
