"""What is posted to the webhook may be a file, too: the outbox keeps its type and its name."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What waits already is JSON."""
    op.add_column(
        "usage_notice", sa.Column("content_type", sa.String(100), nullable=False, server_default="application/json")
    )
    op.add_column("usage_notice", sa.Column("filename", sa.String(200)))


def downgrade() -> None:
    """Files are not posted any more."""
    op.execute("DELETE FROM usage_notice WHERE filename IS NOT NULL")
    op.drop_column("usage_notice", "filename")
    op.drop_column("usage_notice", "content_type")
