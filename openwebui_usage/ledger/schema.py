"""The tables. `migrations/` makes them; this is how the code addresses them."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Boolean, Column, Float, Integer, MetaData, String, Table, Text

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
    Column("period", String(16), nullable=False, server_default="total"),
    Column("timezone", String(64), nullable=False, server_default="UTC"),
    Column("action", String(16), nullable=False, server_default="block"),
    Column("soft_limits", JSON, nullable=False, server_default="[80, 95]"),
    Column("reset_at", Float),
)
"""`reset_at`: calls that began before are in no total of the group any more, whenever they are written."""

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
    Column("message_id", Text, index=True),
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
"""`groups` are the ids of the groups that held the model then, each between spaces, so that a search is exact."""

usage_total = Table(
    "usage_total",
    metadata,
    Column("subject", String(100), primary_key=True),
    Column("period", String(80), primary_key=True),
    Column("calls", BigInteger, nullable=False),
    Column("estimated_calls", BigInteger, nullable=False),
    Column("input", BigInteger, nullable=False),
    Column("cached_input", BigInteger, nullable=False),
    Column("cache_write", BigInteger, nullable=False),
    Column("completion", BigInteger, nullable=False),
    Column("reasoning", BigInteger, nullable=False),
    Column("output", BigInteger, nullable=False),
    Column("cost_nano", BigInteger, nullable=False),
    Column("unpriced_calls", BigInteger, nullable=False, server_default="0"),
)
"""Sums per subject (a group, a budget, or one user of a budget) and period; `total` is the one without end."""

usage_budget = Table(
    "usage_budget",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("name", String(100), nullable=False, unique=True),
    Column("limit", BigInteger),
    Column("unit", String(16), nullable=False),
    Column("scope", String(32), nullable=False),
    Column("scope_id", Text),
    Column("models", JSON, nullable=False),
    Column("group_id", String(100)),
    Column("period", String(16), nullable=False),
    Column("timezone", String(64), nullable=False),
    Column("action", String(16), nullable=False),
    Column("soft_limits", JSON, nullable=False),
    Column("counting", String(16), nullable=False),
    Column("free_models_exempt", Boolean, nullable=False),
    Column("created_at", Float, nullable=False),
)
"""`limit` is in tokens, requests or nano-USD, as `unit` says."""

usage_price = Table(
    "usage_price",
    metadata,
    Column("pattern", String(256), primary_key=True),
    Column("input", String(32), nullable=False),
    Column("output", String(32), nullable=False),
    Column("cached_input", String(32)),
    Column("cache_write", String(32)),
    Column("request", String(32), nullable=False),
)
"""The admin's own prices: US dollars per million tokens, and per request, as decimal text: SQLite has no decimals."""

usage_account = Table(
    "usage_account",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("name", String(100), nullable=False, unique=True),
    Column("token_hash", String(64), nullable=False, unique=True),
    Column("token_start", String(2), nullable=False),
    Column("key_id", String(8), nullable=False),
    Column("is_active", Boolean, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("last_used", Float),
    Column("last_ip", String(45)),
    Column("requests_reset_at", Float),
    Column("requests_offset", BigInteger, nullable=False),
)
"""Users of the token client. `key_id` tells with which secret `token_hash` was made."""

usage_notice = Table(
    "usage_notice",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("body", Text, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("due_at", Float, nullable=False),
    Column("tries", Integer, nullable=False),
)
"""Notices that wait to be posted to the admin's webhook, as JSON."""

usage_recount = Table(
    "usage_recount",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("counter", Text, nullable=False),
    Column("started_at", Float, nullable=False),
)
"""Counters that are counted anew, as JSON: writers add to them already, but nobody is limited by them yet."""

usage_revision = Table(
    "usage_revision",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("value", BigInteger, nullable=False),
)
"""Counts the changes of groups, budgets and prices, so that every writer sees them in the very next commit."""

ALL_TIME_KEY = "total"
"""The period without end."""
