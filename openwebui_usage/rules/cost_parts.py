"""What the tokens of each type cost of a call: exact in dollars, and as whole nano-dollars that add up to the cost."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from openwebui_usage.rules.money import NANO, nano_dollars

NanoParts = tuple[int, int, int, int]
"""Of a cost in nano-dollars what input, cached input, cache writes and output cost."""


class CostParts(NamedTuple):
    """US dollars, none below 0. Sound and pictures are in the part whose tokens they are counted among."""

    input: Decimal
    """Of input that was neither read from a cache nor written to one."""
    cached_input: Decimal
    cache_write: Decimal
    output: Decimal
    beside: Decimal
    """What no token costs: the price of a request, and of searches."""

    @property
    def dollars(self) -> Decimal:
        """The whole cost."""
        return self[0] + self[1] + self[2] + self[3] + self[4]

    def in_nano(self, most: int) -> tuple[int, NanoParts]:
        """The whole cost in nano-dollars, but no more than `most`, and the parts of it that tokens cost.

        The cost is rounded half up. Each part is rounded down or up, by the largest remainder, so that all of them and
        what stands `beside` add up to the cost; a part that costs nothing stays 0. Where the cost is cut down to
        `most`, so are its parts, in proportion.
        """
        dollars = self.dollars
        nano = nano_dollars(dollars)
        factor: Decimal | int = NANO
        if nano > most:
            nano, factor = most, most / dollars
        exact = [part * factor for part in self]
        whole = [int(part) for part in exact]
        rest = nano - sum(whole)
        if rest:
            remainders = [part - floor for part, floor in zip(exact, whole, strict=True)]
            for place in sorted(range(len(exact)), key=remainders.__getitem__, reverse=True)[: max(0, rest)]:
                if remainders[place]:
                    whole[place] += 1
                    rest -= 1
            # Only what the last digit of a Decimal swallowed is left here.
            whole[exact.index(max(exact))] += rest
        return nano, (whole[0], whole[1], whole[2], whole[3])
