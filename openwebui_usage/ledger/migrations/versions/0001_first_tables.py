"""Groups, calls, totals and the revision of the definitions."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _counts() -> list[sa.Column[int]]:
    names = ("input", "cached_input", "cache_write", "completion", "reasoning", "output")
    return [sa.Column(name, sa.BigInteger, nullable=False) for name in names]


def upgrade() -> None:
    """Make the four tables."""
    op.create_table(
        "usage_group",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("name", sa.String(100), nullable=False, unique=True),
        sa.Column("models", sa.JSON, nullable=False),
        sa.Column("limit", sa.BigInteger),
        sa.Column("counting", sa.String(16), nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
    )
    op.create_table(
        "usage_call",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("started_at", sa.Float, nullable=False, index=True),
        sa.Column("user_id", sa.Text),
        sa.Column("user_name", sa.Text),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("called_model", sa.Text, nullable=False),
        sa.Column("chat_id", sa.Text),
        sa.Column("message_id", sa.Text),
        sa.Column("task", sa.Text),
        sa.Column("path", sa.Text),
        sa.Column("groups", sa.Text, nullable=False),
        *_counts(),
        sa.Column("estimated", sa.Boolean, nullable=False),
        sa.Column("unverified", sa.Boolean, nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("first_token_after", sa.Float),
        sa.Column("thinking", sa.Float),
        sa.Column("duration", sa.Float, nullable=False),
        sa.Column("cost_nano", sa.BigInteger),
        sa.Column("cost_source", sa.String(32)),
        sa.Column("raw_usage", sa.Text),
    )
    op.create_table(
        "usage_total",
        sa.Column("subject", sa.String(100), primary_key=True),
        sa.Column("period", sa.String(80), primary_key=True),
        sa.Column("calls", sa.BigInteger, nullable=False),
        sa.Column("estimated_calls", sa.BigInteger, nullable=False),
        *_counts(),
        sa.Column("cost_nano", sa.BigInteger, nullable=False),
    )
    revisions = op.create_table(
        "usage_revision",
        sa.Column("name", sa.String(32), primary_key=True),
        sa.Column("value", sa.BigInteger, nullable=False),
    )
    op.bulk_insert(revisions, [{"name": "groups", "value": 0}])


def downgrade() -> None:
    """Drop the four tables."""
    for name in ("usage_revision", "usage_total", "usage_call", "usage_group"):
        op.drop_table(name)
