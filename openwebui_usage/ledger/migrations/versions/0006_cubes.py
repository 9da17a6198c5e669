"""What calls come to per quarter of an hour, for reports; refusals; the parts of a call's cost."""

import time
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_ADDED: dict[str, sa.types.TypeEngine[Any]] = {
    "combination": sa.Integer(),
    "effort": sa.String(16),
    "error": sa.String(100),
    "cost_input": sa.BigInteger(),
    "cost_cached": sa.BigInteger(),
    "cost_cache_write": sa.BigInteger(),
    "cost_output": sa.BigInteger(),
    "price_version": sa.String(64),
}
_QUARTER = 900
"""Seconds. What is recorded is told of whole quarters of an hour."""
_DIMENSIONS = ("user", "model", "called_model", "connection", "kind", "key", "outcome", "groups", "user_groups")
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
    """Add columns without a default, which costs nothing however many rows there are, and make the tables."""
    for name, kind in _ADDED.items():
        op.add_column("usage_call", sa.Column(name, kind))
    op.create_table(
        "usage_dimension",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("name", sa.Text),
        sa.UniqueConstraint("kind", "key", name="usage_dimension_key"),
    )
    op.create_table(
        "usage_combination",
        sa.Column("id", sa.Integer, primary_key=True),
        *(sa.Column(name, sa.Integer, nullable=False) for name in _DIMENSIONS),
        sa.Column("by_model", sa.Integer, nullable=False),
        sa.Column("by_user", sa.Integer, nullable=False),
        sa.UniqueConstraint(*_DIMENSIONS, name="usage_combination_key"),
    )
    op.create_index("usage_combination_user", "usage_combination", ["user"])
    op.create_table(
        "usage_cube",
        sa.Column("cube", sa.SmallInteger, nullable=False),
        sa.Column("start", sa.Integer, nullable=False),
        sa.Column("combination", sa.Integer, nullable=False),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in _SUMS),
        sa.PrimaryKeyConstraint("cube", "start", "combination"),
        sqlite_with_rowid=False,
    )
    op.create_index("usage_cube_combination", "usage_cube", ["cube", "combination", "start"])
    op.create_table(
        "usage_refusal",
        sa.Column("start", sa.Integer, nullable=False),
        sa.Column("combination", sa.Integer, nullable=False),
        sa.Column("limit_kind", sa.String(8), nullable=False),
        sa.Column("limit_id", sa.String(32), nullable=False),
        sa.Column("limit_name", sa.String(100), nullable=False),
        sa.Column("unit", sa.String(16), nullable=False),
        sa.Column("calls", sa.BigInteger, nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("first_at", sa.Float, nullable=False),
        sa.Column("last_at", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("start", "combination", "limit_kind", "limit_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "usage_progress",
        sa.Column("name", sa.String(32), primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
    progress = sa.table("usage_progress", sa.column("name"), sa.column("value"))
    since = time.time()
    any_call: sa.Select[Any] = sa.select(sa.literal_column("1")).select_from(sa.table("usage_call")).limit(1)
    if op.get_bind().execute(any_call).first() is None:
        since = since // _QUARTER * _QUARTER  # Nothing was written before: the first calls are not said to be older.
    op.bulk_insert(progress, [{"name": "recorded_since", "value": repr(since)}])


def downgrade() -> None:
    """Rows and totals stay as they are."""
    for table in ("usage_progress", "usage_refusal", "usage_cube", "usage_combination", "usage_dimension"):
        op.drop_table(table)
    for name in _ADDED:
        op.drop_column("usage_call", name)
