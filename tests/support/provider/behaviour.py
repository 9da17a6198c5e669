"""How the stand-in answers for a model: what it says, bills, reports, and how it fails."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, Self

Connection = Literal["openai", "responses", "anthropic", "ollama"]

# openai      completion_tokens includes reasoning
# xai         reasoning stands beside completion_tokens, total is the sum of all three
# gemini      completion_tokens leaves thoughts out, only the total tells
# deepseek    prompt_cache_hit_tokens and prompt_cache_miss_tokens
# openrouter  usage.cost
# llamacpp    a `timings` object beside usage
Dialect = Literal["openai", "xai", "gemini", "deepseek", "openrouter", "llamacpp"]

# asked        in a last chunk without choices, when stream_options.include_usage asks for it
# always       the same, asked or not
# last_choice  in the chunk that carries finish_reason, asked or not
# every_chunk  in every chunk, cumulative
# total_only   as "asked", with nothing but total_tokens
# timings_only as llama.cpp before it knew usage in streams
# never        neither streamed nor whole
Usage = Literal["asked", "always", "last_choice", "every_chunk", "total_only", "timings_only", "never"]

EFFORTS = {"low": 64, "medium": 256, "high": 1024}


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """One model's behaviour. Everything is off by default: a plain, quick, correct and strict OpenAI model."""

    connection: Connection = "openai"

    # What it says: `text` cut into `chunks` pieces, or so many short words where there is no text.
    text: str | None = None
    chunks: int = 12
    thoughts: int = 0
    """Chunks of visible thinking ahead of the text."""
    tool: str | None = None
    """The function called in the first answer; the answer to its result is text."""
    tool_arguments: str = "{}"

    # What it bills. Tokens.
    prompt: int | None = None
    """None: a quarter of the characters sent. Includes `cached` and `cache_write`."""
    cached: int = 0
    cache_write: int = 0
    visible: int | None = None
    """None: one a chunk."""
    reasoning: int | tuple[tuple[str, int], ...] = 0
    """One number, or pairs of effort and number; without an effort the number of "medium" counts."""
    cost: float | None = None
    """US dollars for a call, in the OpenRouter dialect."""

    # How it reports.
    dialect: Dialect = "openai"
    usage: Usage = "asked"

    # How it sends. Seconds; bytes.
    first_byte_delay: float = 0.0
    delay: float = 0.0
    burst: int = 1
    """Chunks a write: more for a provider that must never be the slow part."""
    cut: int | Literal["awkward"] | None = None
    """Writes of so many bytes, or cuts inside `"usage"`, inside a character and between CR and LF."""
    crlf: bool = False

    # How it fails.
    status: int = 200
    retry_after: int | None = None
    error_after: int | None = None
    """An error event after so many chunks."""
    break_after: int | None = None
    """The connection is cut after so many chunks."""

    # What it takes.
    refuses: tuple[str, ...] = ()
    """Fields that it refuses for as long as they stand in a request."""
    refusal: str = "openai"
    """How it says so: a name of `tests.support.provider.refusing.SHAPES`."""
    reasons: bool = False
    strict: bool = True
    """400 on a key that its API does not have, and on an effort for a model that does not reason."""

    @classmethod
    def from_json(cls, values: Mapping[str, Any], base: Self | None = None) -> Self:
        """`values` on top of `base`. Unknown names are refused, lest a test rests on a typing error."""
        known = {field.name for field in fields(cls)}
        if unknown := set(values) - known:
            raise ValueError(f"no such behaviour: {', '.join(sorted(unknown))} (known: {', '.join(sorted(known))})")
        values = dict(values)
        if isinstance(values.get("reasoning"), Mapping):
            values["reasoning"] = tuple(values["reasoning"].items())
        elif isinstance(values.get("reasoning"), list):
            values["reasoning"] = tuple((effort, tokens) for effort, tokens in values["reasoning"])
        if "refuses" in values:
            values["refuses"] = tuple(values["refuses"])
        return replace(base or cls(), **values)

    def reasoning_tokens(self, effort: str | None) -> int:
        """What thinking with this effort costs."""
        if isinstance(self.reasoning, int):
            return self.reasoning
        by_effort = dict(self.reasoning)
        return by_effort.get(effort or "medium", by_effort.get("medium", 0))


_BY_EFFORT = tuple(EFFORTS.items())
_AWKWARD = 'He said "usage": {"prompt_tokens": 999999, "total_tokens": 1} – naïve, 漢字, 🙂🙂 and done.'

PRESETS: dict[str, Behaviour] = {
    # Plain models of four connections.
    "gpt-4o-mini": Behaviour(),
    "gpt-4o": Behaviour(cached=8, prompt=1234, visible=56),
    "o3-mini": Behaviour(reasons=True, reasoning=_BY_EFFORT),
    "gpt-5-mini": Behaviour(connection="responses", reasons=True, reasoning=_BY_EFFORT, cached=4, prompt=40),
    "gpt-4.1": Behaviour(connection="responses"),
    "claude-sonnet-4-5": Behaviour(connection="anthropic", prompt=500, cached=300, cache_write=100, visible=40),
    "claude-opus-4-1": Behaviour(connection="anthropic", reasons=True, thoughts=4, reasoning=_BY_EFFORT),
    "llama3.2:latest": Behaviour(connection="ollama"),
    "gpt-oss:20b": Behaviour(connection="ollama", reasons=True, thoughts=4, reasoning=_BY_EFFORT),
    # Dialects.
    "grok-3-mini": Behaviour(dialect="xai", reasons=True, reasoning=_BY_EFFORT),
    "gemini-2.5-flash": Behaviour(dialect="gemini", usage="every_chunk", reasons=True, reasoning=_BY_EFFORT),
    "deepseek-reasoner": Behaviour(
        dialect="deepseek", usage="last_choice", reasons=True, thoughts=4, reasoning=90, prompt=100, cached=64
    ),
    "openrouter-auto": Behaviour(dialect="openrouter", usage="always", cost=0.00042, prompt=90, cached=10),
    "llama.cpp": Behaviour(dialect="llamacpp", usage="last_choice", prompt=80, cached=50),
    "llama.cpp-old": Behaviour(dialect="llamacpp", usage="timings_only", prompt=80, cached=50),
    "vllm-continuous": Behaviour(usage="every_chunk"),
    # Poor reporters.
    "total-only": Behaviour(usage="total_only"),
    "silent": Behaviour(usage="never"),
    "silent:latest": Behaviour(connection="ollama", usage="never"),
    # Ways of sending.
    "split-bytes": Behaviour(text=_AWKWARD, cut="awkward"),
    "byte-by-byte": Behaviour(text=_AWKWARD, chunks=3, cut=1),
    "crlf": Behaviour(text=_AWKWARD, cut="awkward", crlf=True),
    "says-usage": Behaviour(text=_AWKWARD, chunks=8),
    "slow": Behaviour(chunks=100, delay=0.1),
    "slow-start": Behaviour(first_byte_delay=3.0),
    "slow:latest": Behaviour(connection="ollama", chunks=100, delay=0.1),
    "firehose": Behaviour(chunks=3000, burst=64),
    # Ways of failing.
    "error-429": Behaviour(status=429, retry_after=7),
    "error-500": Behaviour(status=500),
    "error-midstream": Behaviour(error_after=5),
    "breaks": Behaviour(break_after=5),
    # Others.
    "tool-user": Behaviour(tool="get_current_timestamp"),
    "text-embedding-3-small": Behaviour(),
    "nomic-embed-text:latest": Behaviour(connection="ollama"),
}
