"""The tables. `migrations/` makes them; this is how the code addresses them."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Boolean, Column, Float, MetaData, String, Table, Text

metadata = MetaData()

usage_group = Table(
    "usage_group",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("name", String(100), nullable=False, unique=True),
    Column("models", JSON, nullable=False),
    Column("limit", BigInteger),
    Column("counting", String(16), nullable=False),
    Column("created_at", Float, nullable=False),
)

usage_call = Table(
    "usage_call",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("started_at", Float, nullable=False, index=True),
    Column("user_id", Text),
    Column("user_name", Text),
    Column("model", Text, nullable=False),
    Column("called_model", Text, nullable=False),
    Column("chat_id", Text),
    Column("message_id", Text),
    Column("task", Text),
    Column("path", Text),
    Column("groups", Text, nullable=False),
    Column("input", BigInteger, nullable=False),
    Column("cached_input", BigInteger, nullable=False),
    Column("cache_write", BigInteger, nullable=False),
    Column("completion", BigInteger, nullable=False),
    Column("reasoning", BigInteger, nullable=False),
    Column("output", BigInteger, nullable=False),
    Column("estimated", Boolean, nullable=False),
    Column("unverified", Boolean, nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("first_token_after", Float),
    Column("thinking", Float),
    Column("duration", Float, nullable=False),
    Column("cost_nano", BigInteger),
    Column("cost_source", String(32)),
    Column("raw_usage", Text),
)
"""`groups` are the ids of the groups that counted the call, each between spaces, so that a search is exact."""

usage_total = Table(
    "usage_total",
    metadata,
    Column("subject", String(100), primary_key=True),
    Column("period", String(32), primary_key=True),
    Column("calls", BigInteger, nullable=False),
    Column("estimated_calls", BigInteger, nullable=False),
    Column("input", BigInteger, nullable=False),
    Column("cached_input", BigInteger, nullable=False),
    Column("cache_write", BigInteger, nullable=False),
    Column("completion", BigInteger, nullable=False),
    Column("reasoning", BigInteger, nullable=False),
    Column("output", BigInteger, nullable=False),
    Column("cost_nano", BigInteger, nullable=False),
)
"""Sums per subject (a group's id) and period; `total` is the period without end."""

usage_revision = Table(
    "usage_revision",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("value", BigInteger, nullable=False),
)
"""Counts the changes of `groups`, so that every writer sees a new definition in the very next commit."""

EVER = "total"
"""The period without end."""
