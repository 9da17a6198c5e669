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
    what has it only warns: what was meant for an hour would never end. A budget of a role becomes one of a user group
    that nobody is in: it would hold for others, or could not be shown.
    """
    for table in ("usage_budget", "usage_group"):
        op.execute(
            f"UPDATE {table} SET period = 'total', action = 'warn' "  # noqa: S608
            "WHERE period NOT IN ('total', 'day', 'week', 'month')"
        )
    for scope, known in (("role", "group"), ("each_user_of_role", "each_user_of_group")):
        op.execute(
            f"UPDATE usage_budget SET scope = '{known}', scope_id = 'role:' || scope_id "  # noqa: S608
            f"WHERE scope = '{scope}'"
        )
    with op.batch_alter_table("usage_budget") as budget:
        budget.alter_column("period", type_=sa.String(16), existing_nullable=False)
        budget.drop_column("reset_at")
        budget.drop_column("several_groups")
        budget.drop_column("overrides")
