"""Credit beside the limits of budgets, and who changed what."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nobody has credit yet; what was changed before, nobody knows."""
    op.create_table(
        "usage_credit",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("budget", sa.String(100), nullable=False, index=True),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("user_id", sa.String(255)),
        sa.Column("user_group", sa.String(255)),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("expires_at", sa.Float),
        sa.Column("created_by", sa.Text),
    )
    op.create_table(
        "usage_journal",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("user_id", sa.String(255)),
        sa.Column("user_name", sa.Text, nullable=False),
        sa.Column("section", sa.String(16), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("change", sa.String(16), nullable=False),
        sa.Column("before", sa.JSON),
        sa.Column("after", sa.JSON),
    )


def downgrade() -> None:
    """Both are forgotten."""
    op.drop_table("usage_journal")
    op.drop_table("usage_credit")
