"""Faults of ours while calls go on: each is told once, and counted."""

from __future__ import annotations

import logging

log = logging.getLogger(__name__)


class Faults:
    """How often each part of ours failed, since the start."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}

    def tell(self, what: str, error: Exception) -> None:
        """Log a fault: once with all that is known of it, then only by its number."""
        self.counts[what] = self.counts.get(what, 0) + 1
        if self.counts[what] == 1:
            log.error("%s", what, exc_info=error)
        else:
            log.debug("%s (%s times): %s", what, self.counts[what], error)
