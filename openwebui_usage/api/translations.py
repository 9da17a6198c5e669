"""What counter and menu say in the languages of the page."""

from __future__ import annotations

import importlib.resources
import json
from functools import lru_cache


def words_in(language: str) -> dict[str, str]:
    """The page's words in `language`, a tag such as "pt-BR" of which the part before the hyphen decides.

    In English where nobody has translated them.
    """
    words = _dictionary()
    return words.get(language.partition("-")[0].lower(), words["en"])


@lru_cache(maxsize=1)
def _dictionary() -> dict[str, dict[str, str]]:
    file = importlib.resources.files("openwebui_usage.api") / "translations.json"
    words: dict[str, dict[str, str]] = json.loads(file.read_text("utf-8"))
    return words
