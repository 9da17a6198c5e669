"""Combinations of fewer dimensions for more cubes, which are filled in the background."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_FAMILIES = ("models", "users", "teams", "team_models")
_FIRST_CUBE, _LAST_CUBE = 9, 22


def upgrade() -> None:
    """Add columns with a constant default, which costs nothing however many rows there are."""
    for name in _FAMILIES:
        op.add_column("usage_combination", sa.Column(name, sa.Integer, nullable=False, server_default="0"))


def downgrade() -> None:
    """Without the cubes that an older version would not keep."""
    cube = sa.table("usage_cube", sa.column("cube"))
    op.execute(cube.delete().where(cube.c.cube.between(_FIRST_CUBE, _LAST_CUBE)))
    progress = sa.table("usage_progress", sa.column("name"))
    op.execute(progress.delete().where(progress.c.name == "folded_more"))
    for name in _FAMILIES:
        op.drop_column("usage_combination", name)
