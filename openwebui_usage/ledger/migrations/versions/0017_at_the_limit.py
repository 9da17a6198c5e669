"""What happens at the limit of a budget besides a wall and a word, and what of a remainder is carried over."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Existing budgets mean what they meant."""
    for column in (
        sa.Column("fallback_model", sa.String(256)),
        sa.Column("slow_up_to", sa.Integer, nullable=False, server_default="30"),
        sa.Column("effort_from", sa.Integer),
        sa.Column("strict", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("cap_output", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("carry_over", sa.String(20), nullable=False, server_default="none"),
    ):
        op.add_column("usage_budget", column)


def downgrade() -> None:
    """What an older version does not know becomes what comes closest: a wall, or a word."""
    op.execute("UPDATE usage_budget SET action = 'warn' WHERE action = 'effort'")
    op.execute("UPDATE usage_budget SET action = 'block' WHERE action IN ('fallback', 'slow')")
    for name in ("fallback_model", "slow_up_to", "effort_from", "strict", "cap_output", "carry_over"):
        op.drop_column("usage_budget", name)
