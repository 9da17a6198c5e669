"""How long something is kept, as an admin writes it: `13 months`, `90 days`, `2 years`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

Unit = Literal["day", "week", "month", "year"]

_WRITTEN = re.compile(r"\s*(\d{1,4})\s*(day|week|month|year)s?\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Duration:
    """A number of days, weeks, calendar months or years."""

    count: int
    unit: Unit

    @classmethod
    def parse(cls, text: str) -> Duration:
        """Raises ValueError for anything but a whole number, 1 or more, and a unit."""
        found = _WRITTEN.fullmatch(text)
        if found is None or int(found[1]) < 1:
            raise ValueError(f'must be a number of days, weeks, months or years, like "13 months" (got "{text}")')
        unit: Unit = found[2].lower()  # type: ignore[assignment]
        return cls(int(found[1]), unit)

    def before(self, moment: datetime) -> datetime:
        """The time that lies so long before; the last day of a month that is too short."""
        if self.unit in ("day", "week"):
            return moment - timedelta(days=self.count * (7 if self.unit == "week" else 1))
        months = self.count * (12 if self.unit == "year" else 1)
        number = moment.year * 12 + moment.month - 1 - months
        if number < 12:
            return datetime.min.replace(tzinfo=moment.tzinfo)
        first = moment.replace(year=number // 12, month=number % 12 + 1, day=1)
        days = ((first + timedelta(days=31)).replace(day=1) - first).days
        return first.replace(day=min(moment.day, days))

    def __str__(self) -> str:
        """As it is written."""
        return f"{self.count} {self.unit}{'s' if self.count > 1 else ''}"
