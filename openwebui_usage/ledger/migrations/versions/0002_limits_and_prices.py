"""What limits need: the period of a group, budgets and prices."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add columns to groups, and two tables."""
    op.add_column("usage_group", sa.Column("period", sa.String(16), nullable=False, server_default="total"))
    op.add_column("usage_group", sa.Column("timezone", sa.String(64), nullable=False, server_default="UTC"))
    op.add_column("usage_group", sa.Column("action", sa.String(16), nullable=False, server_default="block"))
    op.add_column("usage_group", sa.Column("soft_limits", sa.JSON, nullable=False, server_default="[80, 95]"))
    op.add_column("usage_total", sa.Column("unpriced_calls", sa.BigInteger, nullable=False, server_default="0"))
    op.create_index("ix_usage_call_message_id", "usage_call", ["message_id"])
    op.create_table(
        "usage_budget",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("name", sa.String(100), nullable=False, unique=True),
        sa.Column("limit", sa.BigInteger),
        sa.Column("unit", sa.String(16), nullable=False),
        sa.Column("scope", sa.String(32), nullable=False),
        sa.Column("scope_id", sa.Text),
        sa.Column("models", sa.JSON, nullable=False),
        sa.Column("group", sa.String(100)),
        sa.Column("period", sa.String(16), nullable=False),
        sa.Column("timezone", sa.String(64), nullable=False),
        sa.Column("action", sa.String(16), nullable=False),
        sa.Column("soft_limits", sa.JSON, nullable=False),
        sa.Column("counting", sa.String(16), nullable=False),
        sa.Column("free_models_exempt", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
    )
    op.create_table(
        "usage_price",
        sa.Column("pattern", sa.String(256), primary_key=True),
        sa.Column("input", sa.String(32), nullable=False),
        sa.Column("output", sa.String(32), nullable=False),
        sa.Column("cached_input", sa.String(32)),
        sa.Column("cache_write", sa.String(32)),
        sa.Column("request", sa.String(32), nullable=False),
    )


def downgrade() -> None:
    """Drop them again."""
    op.drop_table("usage_price")
    op.drop_table("usage_budget")
    op.drop_column("usage_total", "unpriced_calls")
    op.drop_index("ix_usage_call_message_id", "usage_call")
    for name in ("soft_limits", "action", "timezone", "period"):
        op.drop_column("usage_group", name)
