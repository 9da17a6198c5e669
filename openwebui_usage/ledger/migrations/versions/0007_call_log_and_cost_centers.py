"""Cost centers of user groups, and what was exported of closed months."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_SUMS = (
    "calls",
    "input",
    "cached_input",
    "cache_write",
    "output",
    "cost_nano",
    "cost_input",
    "cost_cached",
    "cost_cache_write",
    "cost_output",
)


def upgrade() -> None:
    """Make two tables."""
    op.create_table(
        "usage_cost_center",
        sa.Column("user_group", sa.String(100), primary_key=True),
        sa.Column("cost_center", sa.String(100), nullable=False),
    )
    op.create_table(
        "usage_focus",
        sa.Column("start", sa.Integer, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("user_groups", sa.Integer, nullable=False),
        sa.Column("model", sa.Integer, nullable=False),
        sa.Column("group_id", sa.Text, nullable=False),
        sa.Column("group_name", sa.Text, nullable=False),
        sa.Column("cost_center", sa.String(100)),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in _SUMS),
        sa.PrimaryKeyConstraint("start", "number", "user_groups", "model"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """What was exported of closed months is forgotten."""
    op.drop_table("usage_focus")
    op.drop_table("usage_cost_center")
