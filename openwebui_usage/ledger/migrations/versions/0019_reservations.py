"""Reservations of workers that share a ledger and no Redis."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing is reserved yet."""
    op.create_table(
        "usage_worker",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("until", sa.Float, nullable=False),
    )
    op.create_table(
        "usage_reservation",
        sa.Column("subject", sa.String(100), primary_key=True),
        sa.Column("period", sa.String(80), primary_key=True),
        sa.Column("worker", sa.String(32), primary_key=True),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("until", sa.Float, nullable=False),
    )


def downgrade() -> None:
    """Each worker counts by itself again."""
    op.drop_table("usage_reservation")
    op.drop_table("usage_worker")
