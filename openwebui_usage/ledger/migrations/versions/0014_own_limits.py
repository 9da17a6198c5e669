"""Limits that users set for themselves."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One a user."""
    op.create_table(
        "usage_own_limit",
        sa.Column("user_id", sa.String(255), primary_key=True),
        sa.Column("limit", sa.BigInteger, nullable=False),
        sa.Column("unit", sa.String(16), nullable=False),
        sa.Column("period", sa.String(16), nullable=False),
        sa.Column("timezone", sa.String(64), nullable=False),
    )


def downgrade() -> None:
    """They are forgotten."""
    op.drop_table("usage_own_limit")
