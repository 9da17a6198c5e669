"""The wire formats that providers answer in."""

from __future__ import annotations

from typing import Literal

Wire = Literal["chat", "responses", "anthropic", "ollama"]
"""Wire formats of a stream. `chat` is OpenAI's chat completions and everything made after it."""
