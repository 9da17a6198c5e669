"""Budgets may have exceptions, remember when they were reset, and have periods with longer names."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """No budget has an exception yet, or was reset."""
    op.add_column("usage_budget", sa.Column("overrides", sa.JSON, nullable=False, server_default="[]"))
    op.add_column("usage_budget", sa.Column("several_groups", sa.String(16), nullable=False, server_default="highest"))
    op.add_column("usage_budget", sa.Column("reset_at", sa.Float))
    with op.batch_alter_table("usage_budget") as table:  # SQLite makes the table anew.
        table.alter_column("period", type_=sa.String(40), existing_nullable=False)


def downgrade() -> None:
    """Everybody has the limit that the budget itself says. A period that is not known there counts for all time, and
    such a budget only warns: what was meant for an hour would never end.
    """
    op.execute(
        "UPDATE usage_budget SET period = 'total', action = 'warn' "
        "WHERE period NOT IN ('total', 'day', 'week', 'month')"
    )
    with op.batch_alter_table("usage_budget") as table:
        table.alter_column("period", type_=sa.String(16), existing_nullable=False)
        table.drop_column("reset_at")
        table.drop_column("several_groups")
        table.drop_column("overrides")
