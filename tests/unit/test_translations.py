"""The page's words: one dictionary, and what happens to languages that are not in it."""

from __future__ import annotations

import pytest

from openwebui_usage.api.translations import words_in

ENGLISH = words_in("en")


@pytest.mark.parametrize(
    ("language", "effort"),
    [
        ("en-US", "Reasoning effort"),
        ("de-DE", "Denkaufwand"),
        ("DE", "Denkaufwand"),
        ("pt-BR", "Esforço de raciocínio"),
        ("zh-CN", "推理强度"),
    ],
)
def test_the_first_part_of_a_tag_decides(language: str, effort: str) -> None:
    assert words_in(language)["effort"] == effort


@pytest.mark.parametrize("language", ["", "fi-FI", "-", "../etc", "en-" + "x" * 10_000])
def test_whatever_nobody_has_translated_is_english(language: str) -> None:
    assert words_in(language) == ENGLISH


@pytest.mark.parametrize("language", ["de", "es", "fr", "it", "ja", "ko", "pt", "ru", "tr", "zh"])
def test_a_language_has_all_words(language: str) -> None:
    words = words_in(language)
    assert words.keys() == ENGLISH.keys()
    assert words != ENGLISH
    assert "{n}" in words["groups"]
