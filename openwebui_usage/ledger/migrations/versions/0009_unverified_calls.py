"""Calls that are in no report are found by their quarters of an hour, and need no index any more.

To make that index, a start had to read all rows while calls waited.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_INDEX = "usage_call_unverified"
_SUMS = (
    "calls",
    "estimated_calls",
    "unpriced_calls",
    "input",
    "cached_input",
    "cache_write",
    "completion",
    "reasoning",
    "output",
    "cost_nano",
    "cost_input",
    "cost_cached",
    "cost_cache_write",
    "cost_output",
)


def upgrade() -> None:
    """Where a version between two releases made the index, it finds the calls for the last time."""
    connection = op.get_bind()
    is_sqlite = connection.dialect.name == "sqlite"
    known = f"SELECT 1 FROM sqlite_master WHERE name = '{_INDEX}'" if is_sqlite else f"SELECT to_regclass('{_INDEX}')"  # noqa: S608
    if connection.execute(sa.text(known)).scalar() is None:
        return
    seconds = "started_at" if is_sqlite else "floor(started_at)"
    zeros = ", ".join(["0"] * (len(_SUMS) - 1))
    op.execute(
        f"INSERT INTO usage_cube (cube, start, combination, {', '.join(_SUMS)}) "  # noqa: S608
        f"SELECT -1, CAST({seconds} AS bigint) / 900 AS quarter, combination, count(*), {zeros} "
        "FROM usage_call WHERE unverified AND combination IS NOT NULL GROUP BY quarter, combination"
    )
    op.drop_index(_INDEX, "usage_call")


def downgrade() -> None:
    """The list of calls lacks those with a rare filter."""
    op.execute("DELETE FROM usage_cube WHERE cube = -1")
