"""What keeps a change of groups, budgets, prices or views from being made."""

from __future__ import annotations


class GroupExists(Exception):
    """The name is taken."""


class GroupMissing(Exception):
    """No group has that name."""


class BudgetExists(Exception):
    """The name is taken."""


class BudgetMissing(Exception):
    """No budget has that name."""


class CreditMissing(Exception):
    """The budget has no credit with that id."""


class HasCredit(Exception):
    """A budget cannot be changed so: credit that was given for it would come to something else."""

    def __init__(self, budget: str, field: str, text: str) -> None:
        """`field` is that of the budget, `text` what would be right."""
        super().__init__(f'budget "{budget}": {field}: {text}')
        self.field = field
        self.text = text


class PriceMissing(Exception):
    """No price has that pattern."""


class GroupUnknown(Exception):
    """A budget names a usage group that does not exist."""


class GroupInUse(Exception):
    """A usage group cannot be deleted: budgets count it."""

    def __init__(self, name: str, budgets: tuple[str, ...]) -> None:
        """`budgets` are their names."""
        super().__init__(name)
        self.budgets = budgets


class TooManyCalls(Exception):
    """A question would take too long: more calls would have to be looked at one by one than may be."""

    def __init__(self, calls: int) -> None:
        """`calls` is how many."""
        super().__init__(f"{calls:,} calls")
        self.calls = calls


class Busy(Exception):
    """Others changed the same thing again and again."""


class ViewMissing(Exception):
    """No view has that name."""


class TooManyViews(Exception):
    """There is no room for another view: as many as are kept are there already."""


class ViewOfAnother(Exception):
    """A shared view that somebody else saved: only an admin may change it."""
