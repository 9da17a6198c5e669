"""Whether the parts of a usage report are contained in its prompt and completion counts, or come on top of them.

Providers disagree, and gateways rename fields without changing the numbers. So each part (reasoning, cache writes,
cache reads, the results of the provider's own tools) is judged by itself: first by the reported total, then by the
sizes, for a part larger than its whole cannot be inside it, and last by what the provider documents.
"""

from __future__ import annotations

from itertools import product

from openwebui_usage.rules.tokens import TokenUsage


def whole_usage(
    prompt: int | None,
    completion: int | None,
    total: int | None,
    parts: tuple[int, int, int, int],
    documented: tuple[bool, bool, bool, bool],
) -> TokenUsage:
    """A call's tokens. `parts`: reasoning, written to a cache, read from a cache, results of tools.

    `documented` tells for each part whether the provider documents it as beside its whole.
    """
    thought, written, read, tools = parts
    visible = completion or 0
    if prompt is None and total is not None and completion is not None:
        prompt = max(0, total - visible)
    prompt = prompt or 0
    fitting = _that_add_up(prompt, visible, total, parts, documented) if total and any(parts) else None
    thought_beside, written_beside, read_beside, tools_beside = fitting or _by_size(prompt, visible, parts, documented)
    prompt += written_beside * written + read_beside * read + tools_beside * tools
    output = visible + thought_beside * thought
    if fitting is None and not thought and total is not None and total > prompt + visible:
        output = total - prompt
    return TokenUsage(prompt, read, written, visible, thought, output)


_CHANGES = sorted(product((False, True), repeat=4), key=lambda change: (sum(change), [not part for part in change]))
"""Deviations from what is documented, the likeliest first: in few parts, and in reasoning rather than the cache."""


def _that_add_up(
    prompt: int,
    completion: int,
    total: int,
    parts: tuple[int, int, int, int],
    documented: tuple[bool, bool, bool, bool],
) -> tuple[bool, ...] | None:
    """Which parts are beside their wholes, so that everything adds up to `total`. None if nothing does."""
    rest = total - prompt - completion
    for change in _CHANGES:
        if any(changed and not size for changed, size in zip(change, parts, strict=True)):
            continue
        beside = tuple(one != other for one, other in zip(change, documented, strict=True))
        if sum(size for size, is_beside in zip(parts, beside, strict=True) if is_beside) != rest:
            continue
        inside = [0 if is_beside else size for size, is_beside in zip(parts, beside, strict=True)]
        if inside[0] <= completion and sum(inside[1:]) <= prompt:
            return beside
    return None


def _by_size(
    prompt: int, completion: int, parts: tuple[int, int, int, int], documented: tuple[bool, bool, bool, bool]
) -> tuple[bool, ...]:
    """Which parts are beside their wholes: as documented, but a part larger than its whole cannot be inside."""
    thought, written, read, tools = parts
    thought_beside, written_beside, read_beside, tools_beside = documented
    inside = (not written_beside) * written + (not read_beside) * read
    cache_beside = inside > prompt
    return (
        thought_beside or thought > completion,
        written_beside or cache_beside,
        read_beside or cache_beside,
        tools_beside or tools > prompt,
    )
