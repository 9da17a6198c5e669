"""Names of the limits that users set for themselves, as the counter shows them."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Those that have none yet get the usual one."""
    op.add_column("usage_own_limit", sa.Column("name", sa.String(100), nullable=False, server_default="Own limit"))


def downgrade() -> None:
    """They are forgotten."""
    op.drop_column("usage_own_limit", "name")
