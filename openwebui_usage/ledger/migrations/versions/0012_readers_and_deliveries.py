"""Who may read reports, as admins set it; what was posted to the webhook lately."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Both are empty at first."""
    op.create_table(
        "usage_delivery",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("notice_id", sa.String(32), nullable=False),
        sa.Column("event", sa.String(32), nullable=False),
        sa.Column("about", sa.Text),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("status", sa.Integer),
        sa.Column("error", sa.Text),
    )
    op.create_table(
        "usage_reader",
        sa.Column("may_read", sa.String(16), primary_key=True),
        sa.Column("user_group", sa.String(100), primary_key=True),
    )


def downgrade() -> None:
    """Readers are those of the environment alone again."""
    op.drop_table("usage_reader")
    op.drop_table("usage_delivery")
