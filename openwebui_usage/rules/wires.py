"""The wire formats that providers answer in."""

from __future__ import annotations

from typing import Literal

Wire = Literal["chat", "responses", "anthropic", "ollama"]
"""`chat` is OpenAI's chat completions and everything modelled on it."""
