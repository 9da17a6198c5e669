"""The ledger in SQL: append-only rows of calls, the totals of groups and budgets, and their definitions."""

from openwebui_usage.ledger.errors import (
    BudgetExists,
    BudgetMissing,
    Busy,
    CreditMissing,
    GroupExists,
    GroupInUse,
    GroupMissing,
    GroupUnknown,
    HasCredit,
    PriceMissing,
    TooManyCalls,
    TooManyViews,
    ViewMissing,
    ViewOfAnother,
)
from openwebui_usage.ledger.recording import Change, Recorded
from openwebui_usage.ledger.rows import CallInfo, CallRow, Outcome
from openwebui_usage.ledger.store import Store
from openwebui_usage.ledger.writer import Writer

__all__ = [
    "BudgetExists",
    "BudgetMissing",
    "Busy",
    "CallInfo",
    "CallRow",
    "Change",
    "CreditMissing",
    "GroupExists",
    "GroupInUse",
    "GroupMissing",
    "GroupUnknown",
    "HasCredit",
    "Outcome",
    "PriceMissing",
    "Recorded",
    "Store",
    "TooManyCalls",
    "TooManyViews",
    "ViewMissing",
    "ViewOfAnother",
    "Writer",
]
