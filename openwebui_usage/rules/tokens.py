"""What one call used, in tokens, in one form for all providers.

Totals are inclusive, as in OpenTelemetry's gen_ai conventions: `input` contains what was read from or written to a
cache, `output` contains reasoning.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace


@dataclass(frozen=True, slots=True)
class TokenUsage:
    """What one provider call used, in tokens."""

    input: int = 0
    """All prompt tokens, cache reads and writes included."""
    cached_input: int = 0
    """Subset of `input` that was read from a cache."""
    cache_write: int = 0
    """Subset of `input` that was written to a cache."""
    completion: int = 0
    """Completion tokens as the provider reported them."""
    reasoning: int = 0
    """Reasoning tokens as the provider reported them."""
    output: int = 0
    """All that was generated and billed: visible and reasoning, each once."""
    estimated: bool = False
    """True if the provider reported nothing."""

    def merged(self, other: TokenUsage) -> TokenUsage:
        """Two reports of the *same* call: the greater value of each field, because providers repeat running totals."""
        counts = {name: max(getattr(self, name), getattr(other, name)) for name in _COUNTS}
        counts["input"] = max(counts["input"], counts["cached_input"] + counts["cache_write"])
        return TokenUsage(**counts, estimated=self.estimated and other.estimated)

    def plus(self, other: TokenUsage) -> TokenUsage:
        """The sum of two parts of a call that are billed separately."""
        return TokenUsage(**{name: getattr(self, name) + getattr(other, name) for name in _COUNTS})

    def without_output(self) -> TokenUsage:
        """All tokens as input: an embedding generates nothing, in whichever field its tokens are reported."""
        return replace(self, input=self.input + self.output, completion=0, reasoning=0, output=0)

    def followed_by(self, output: int) -> TokenUsage:
        """This report plus `output` estimated tokens that were streamed after it."""
        if output <= 0:
            return self
        return replace(self, completion=self.completion + output, output=self.output + output, estimated=True)


_COUNTS = tuple(field.name for field in fields(TokenUsage) if field.name != "estimated")
