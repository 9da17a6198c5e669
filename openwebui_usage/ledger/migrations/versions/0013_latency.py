"""How long calls took, as histograms."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """They are made from the rows in the background."""
    op.create_table(
        "usage_latency",
        sa.Column("span", sa.SmallInteger, nullable=False),
        sa.Column("start", sa.Integer, nullable=False),
        sa.Column("model", sa.Integer, nullable=False),
        sa.Column("connection", sa.Integer, nullable=False),
        sa.Column("calls", sa.BigInteger, nullable=False),
        sa.Column("duration", sa.Text, nullable=False),
        sa.Column("first_token", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("span", "start", "model", "connection"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Of rows that were removed, nobody knows any more how long they took."""
    op.drop_table("usage_latency")
    op.execute("DELETE FROM usage_progress WHERE name = 'latency'")
