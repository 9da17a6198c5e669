"""Tokens by what a text is written in, where no tokenizer is at hand.

A token of Latin letters has four characters, the rule of thumb of OpenAI's tokenizer page. The other weights are what
its newer encoding, `o200k_base`, takes for the sentences that OpenAI published with their counts ("Hello GPT-4o",
language tokenization); it puts up to three digits into a token, and a run of blanks into one.
"""

from __future__ import annotations

import re

CHARACTERS_PER_TOKEN = 4

_WEIGHTS = tuple(
    (re.compile(f"[{characters}]+"), weight)
    for characters, weight in (
        (
            "\u2e80-\u303f\u3100-\u312f\u31a0-\u31ff\u3400-\u9fff\uf900-\ufaff\uff00-\uff60\U00020000-\U0003ffff",
            0.7,
        ),  # Han
        ("\u3040-\u30ff\uff61-\uff9f", 0.65),  # Kana
        ("\u1100-\u11ff\u3130-\u318f\ua960-\ua97f\uac00-\ud7ff", 0.57),  # Hangul
        ("\u0400-\u052f", 0.29),  # Cyrillic
        ("\u0600-\u06ff\u0750-\u077f\ufb50-\ufdff\ufe70-\ufefe", 0.42),  # Arabic
        ("\u0900-\u0dff", 0.4),  # Devanagari and its relatives
        ("\u0e00-\u0eff", 0.5),  # Thai, Lao
        ("\u00a0-\u024f\u1e00-\u1eff", 0.5),  # Latin with accents
        ("\u2600-\u27bf\ufe0f\u200d\U0001f000-\U0001faff", 2.0),  # Emoji
    )
)
_OTHER = 0.6
_DIGITS = b"0123456789"
_DIGIT = 1 / 3
_BLANKS = re.compile(r"\s{5,}")
_ENCODED = re.compile(r"(?<![A-Za-z0-9+/_=-])[A-Za-z0-9+/_=-]{100,}")
"""Base64 and the like; the letters of real words come in one case, and without digits."""
_OF_ENCODED = 0.7


def tokens_by_script(text: str) -> float:
    """An estimate of the tokens of `text`, in time that grows with its length alone."""
    tokens = 0.0
    if len(text) >= 100:
        text = _BLANKS.sub(" " * CHARACTERS_PER_TOKEN, text)
        for match in _ENCODED.finditer(text):
            if _is_encoded(match[0]):
                # Its own weight, instead of the one that its letters and digits get below.
                tokens += _OF_ENCODED * len(match[0]) - _of_ascii(match[0])
    for pattern, weight in _WEIGHTS:
        if text.isascii():
            break
        rest = pattern.sub("", text)
        tokens += weight * (len(text) - len(rest))
        text = rest
    plain = text.encode("ascii", "ignore").decode()
    return tokens + _OTHER * (len(text) - len(plain)) + _of_ascii(plain)


def _of_ascii(text: str) -> float:
    letters = len(text.encode().translate(None, _DIGITS))
    return letters / CHARACTERS_PER_TOKEN + (len(text) - letters) * _DIGIT


def _is_encoded(run: str) -> bool:
    start = run[:100]
    return start != start.lower() and start != start.upper() and any(digit in start for digit in "0123456789")
