"""Views of the pages that somebody saved."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "usage_view",
        sa.Column("owner", sa.String(255), primary_key=True),
        sa.Column("name", sa.String(100), primary_key=True),
        sa.Column("page", sa.String(32), nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("author", sa.String(255), nullable=False),
        sa.Column("author_name", sa.Text, nullable=False),
        sa.Column("saved_at", sa.Float, nullable=False),
    )


def downgrade() -> None:
    """The views are forgotten."""
    op.drop_table("usage_view")
