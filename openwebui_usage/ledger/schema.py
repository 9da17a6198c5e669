"""The tables. `migrations/` makes them; this is how the code addresses them."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()

CUBE_SUMS = (
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
"""What is summed of calls in `usage_cube`: the columns of `usage_call` with the same names, and three numbers of
calls.
"""

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
    Column("combination", Integer),
    Column("effort", String(16)),
    Column("error", String(100)),
    Column("cost_input", BigInteger),
    Column("cost_cached", BigInteger),
    Column("cost_cache_write", BigInteger),
    Column("cost_output", BigInteger),
    Column("price_version", String(64)),
)
"""`groups` are the ids of the groups that held the model then, each between spaces, so that a search is exact.

`combination` is null until the row is in the cubes: rows of older versions are brought there in the background. The
parts of the cost are null where only the sum is known; what a price asks per request is in the sum alone.
"""

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
    Column("period", String(40), nullable=False),
    Column("timezone", String(64), nullable=False),
    Column("action", String(16), nullable=False),
    Column("soft_limits", JSON, nullable=False),
    Column("counting", String(16), nullable=False),
    Column("free_models_exempt", Boolean, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("overrides", JSON, nullable=False, server_default="[]"),
    Column("several_groups", String(16), nullable=False, server_default="highest"),
    Column("reset_at", Float),
    Column("fallback_model", String(256)),
    Column("slow_up_to", Integer, nullable=False),
    Column("effort_from", Integer),
    Column("strict", Boolean, nullable=False),
    Column("cap_output", Boolean, nullable=False),
    Column("carry_over", String(20), nullable=False),
)
"""`limit` is in tokens, requests or nano-USD, as `unit` says; so is `carry_over`, where it is no word, and so are the
limits of `overrides`, a list of objects with `kind`, `id` and `limit`. `reset_at`: calls that began before are in no
total of the budget any more.
"""

usage_credit = Table(
    "usage_credit",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("budget", String(100), nullable=False, index=True),
    Column("amount", BigInteger, nullable=False),
    Column("note", Text, nullable=False),
    Column("user_id", String(255)),
    Column("user_group", String(255)),
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float),
    Column("created_by", Text),
)
"""`budget` is a budget's name, because its id changes when it counts anew; `amount` is in its unit. Ids increase with
time.
"""

usage_journal = Table(
    "usage_journal",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("at", Float, nullable=False),
    Column("user_id", String(255)),
    Column("user_name", Text, nullable=False),
    Column("section", String(16), nullable=False),
    Column("name", Text, nullable=False),
    Column("change", String(16), nullable=False),
    Column("before", JSON(none_as_null=True)),
    Column("after", JSON(none_as_null=True)),
)
"""Who changed what. Only ever added to; ids increase with time."""

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
    Column("content_type", String(100), nullable=False, server_default="application/json"),
    Column("filename", String(200)),
)
"""What waits to be posted to the admin's webhook: notices as JSON, and files, which have a name."""

usage_delivery = Table(
    "usage_delivery",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("notice_id", String(32), nullable=False),
    Column("event", String(32), nullable=False),
    Column("about", Text),
    Column("at", Float, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("status", Integer),
    Column("error", Text),
)
"""The last tries to post notices, one row each. `status` is that of the HTTP answer, `error` why there was none."""

usage_reader = Table(
    "usage_reader",
    metadata,
    Column("may_read", String(16), primary_key=True),
    Column("user_group", String(100), primary_key=True),
)
"""User groups of the host, by name or id, whose members may read reports: `may_read` is `of_everybody` or
`of_own_groups`.
"""

usage_recount = Table(
    "usage_recount",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("counter", Text, nullable=False),
    Column("started_at", Float, nullable=False),
)
"""Counters that are counted anew, as JSON: writers add to them already, but nobody is limited by them yet."""

usage_dimension = Table(
    "usage_dimension",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("key", Text, nullable=False),
    Column("name", Text),
    UniqueConstraint("kind", "key", name="usage_dimension_key"),
)
"""A small number for each value that calls are grouped by, and the name that it last had, which outlives users and
groups.

`kind` is a column of `usage_combination`, or `usage_group`, `user_group`: the members of `groups` and `user_groups`,
whose keys are ids in order, with a space between two; or `user_role`: the role of the user whose id is the key.
"""

DIMENSIONS = ("user", "model", "called_model", "connection", "kind", "key", "outcome", "groups", "user_groups")
"""What a call is grouped by. In `usage_combination` each is the id of a `usage_dimension`, 0 for none or not
recorded.
"""

usage_combination = Table(
    "usage_combination",
    metadata,
    Column("id", Integer, primary_key=True),
    *(Column(name, Integer, nullable=False) for name in DIMENSIONS),
    Column("by_model", Integer, nullable=False),
    Column("by_user", Integer, nullable=False),
    *(
        Column(name, Integer, nullable=False, server_default="0")
        for name in ("models", "users", "teams", "team_models")
    ),
    UniqueConstraint(*DIMENSIONS, name="usage_combination_key"),
    Index("usage_combination_user", "user"),
)
"""Values that calls had together. `by_model` and the others are the combinations with fewer dimensions that this one is
part of, see `ledger.cubes.FAMILIES`; they are 0 in those combinations themselves. Where an older version made it, some
are 0 until it is folded.
"""

usage_cube = Table(
    "usage_cube",
    metadata,
    Column("cube", SmallInteger, nullable=False),
    Column("start", Integer, nullable=False),
    Column("combination", Integer, nullable=False),
    *(Column(name, BigInteger, nullable=False) for name in CUBE_SUMS),
    PrimaryKeyConstraint("cube", "start", "combination"),
    Index("usage_cube_combination", "cube", "combination", "start"),
    sqlite_with_rowid=False,
)
"""Sums of calls per quarter of an hour and combination (cube 0), and coarser sums made of these, see `ledger.cubes`.
`start` is in quarters of an hour since the epoch.
"""

usage_refusal = Table(
    "usage_refusal",
    metadata,
    Column("start", Integer, nullable=False),
    Column("combination", Integer, nullable=False),
    Column("limit_kind", String(8), nullable=False),
    Column("limit_id", String(32), nullable=False),
    Column("limit_name", String(100), nullable=False),
    Column("unit", String(16), nullable=False),
    Column("calls", BigInteger, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("first_at", Float, nullable=False),
    Column("last_at", Float, nullable=False),
    PrimaryKeyConstraint("start", "combination", "limit_kind", "limit_id"),
    sqlite_with_rowid=False,
)
"""Calls that a limit refused, per quarter of an hour. `limit_kind` is `group` or `budget`; `amount` is what was asked
for, in `unit`: tokens, requests or nano-USD.
"""

usage_cost_center = Table(
    "usage_cost_center",
    metadata,
    Column("user_group", String(100), primary_key=True),
    Column("cost_center", String(100), nullable=False),
)
"""Who pays for the members of a user group, by the group's id."""

FOCUS_SUMS = (
    "calls",
    "input",
    "cached_input",
    "cache_write",
    "output",
    "cost_nano",
    "cost_input",
    "cost_cached",
    "cost_cache_write",
    "cost_output",
)
"""The parts of `CUBE_SUMS` that user groups are charged for."""

usage_focus = Table(
    "usage_focus",
    metadata,
    Column("start", Integer, nullable=False),
    Column("number", Integer, nullable=False),
    Column("user_groups", Integer, nullable=False),
    Column("model", Integer, nullable=False),
    Column("group_id", Text, nullable=False),
    Column("group_name", Text, nullable=False),
    Column("cost_center", String(100)),
    *(Column(name, BigInteger, nullable=False) for name in FOCUS_SUMS),
    PrimaryKeyConstraint("start", "number", "user_groups", "model"),
    sqlite_with_rowid=False,
)
"""What was exported of each day of a closed month: `number` 0 at first, then corrections, which may be negative.

`start` is the day's first quarter of an hour, `user_groups` and `model` are dimensions. `group_id`, `group_name` and
`cost_center` are what it was charged to.
"""

usage_latency = Table(
    "usage_latency",
    metadata,
    Column("span", SmallInteger, nullable=False),
    Column("start", Integer, nullable=False),
    Column("model", Integer, nullable=False),
    Column("connection", Integer, nullable=False),
    Column("calls", BigInteger, nullable=False),
    Column("duration", Text, nullable=False),
    Column("first_token", Text, nullable=False),
    PrimaryKeyConstraint("span", "start", "model", "connection"),
    sqlite_with_rowid=False,
)
"""How long calls took, per quarter of an hour (span 0) and day (span 1) of UTC, as histograms: see `rules.histograms`.
`start` is in quarters of an hour since the epoch, `model` and `connection` are dimensions.
"""

usage_progress = Table(
    "usage_progress",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("value", Text, nullable=False),
)
"""How far work in the background has come (`folded`, `converted`, …), and since when something is recorded."""

usage_revision = Table(
    "usage_revision",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("value", BigInteger, nullable=False),
)
"""Counts changes of groups, budgets and prices, so that every writer notices a change in its very next commit."""

usage_view = Table(
    "usage_view",
    metadata,
    Column("owner", String(255), primary_key=True),
    Column("name", String(100), primary_key=True),
    Column("page", String(32), nullable=False),
    Column("state", Text, nullable=False),
    Column("author", String(255), nullable=False),
    Column("author_name", Text, nullable=False),
    Column("saved_at", Float, nullable=False),
)
"""What somebody looked at on a page, under a name. `owner` is the id of the user who alone sees it, empty where it is
shared; `author` saved it last.
"""

usage_own_limit = Table(
    "usage_own_limit",
    metadata,
    Column("user_id", String(255), primary_key=True),
    Column("limit", BigInteger, nullable=False),
    Column("unit", String(16), nullable=False),
    Column("period", String(16), nullable=False),
    Column("timezone", String(64), nullable=False),
    Column("name", String(100), nullable=False, server_default="Own limit"),
)
"""Limits that users set for themselves: they alone see them, and nothing is refused by them. `limit` is in tokens,
requests or nano-USD, as `unit` says.
"""

usage_worker = Table(
    "usage_worker",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("until", Float, nullable=False),
)
"""Which workers count by this ledger and have no Redis between them. One that says nothing `until` then has ended."""

usage_reservation = Table(
    "usage_reservation",
    metadata,
    Column("subject", String(100), primary_key=True),
    Column("period", String(80), primary_key=True),
    Column("worker", String(32), primary_key=True),
    Column("amount", BigInteger, nullable=False),
    Column("until", Float, nullable=False),
)
"""What the calls of each worker have reserved together of a counter that is near its limit, in the limit's unit."""

ALL_TIME_KEY = "total"
"""The period without end."""
