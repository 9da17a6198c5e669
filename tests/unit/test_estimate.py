"""Estimates never raise, wait or download, and never make something free."""

from __future__ import annotations

import hashlib
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openwebui_usage.rules import estimate
from openwebui_usage.rules.estimate import IMAGE_TOKENS, prompt_tokens, text_tokens

HELLO = "Hello, how are you today?"


class Tiktoken:
    """The library, which fetches an encoding where it finds no sound file of it."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.may_load = threading.Event()

    def get_encoding(self, name: str) -> Tiktoken:
        self.asked.append(name)
        self.may_load.wait(10)
        return self

    def encode_ordinary(self, text: str) -> list[int]:
        return [0] * 7


@pytest.fixture(autouse=True)
def tiktoken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tiktoken:
    """A machine with tiktoken and without any encoding, whatever lies on this one."""
    library = Tiktoken()
    monkeypatch.setitem(sys.modules, "tiktoken", library)  # type: ignore[arg-type]
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(estimate, "_loaded", [])
    estimate._load_in_background.cache_clear()
    return library


def loaded() -> int:
    """What a text is estimated at once whatever can be loaded has been."""
    text_tokens(HELLO)
    estimate._load_in_background().join()
    return text_tokens(HELLO)


@pytest.fixture
def of_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """An encoding with a token a word."""
    monkeypatch.setattr(estimate, "_loaded", [lambda text: len(text.split())])


@pytest.mark.parametrize(
    ("text", "tokens"),
    [("", 0), ("a", 1), ("ab", 1), ("abcdefgh", 2), ("abcd" * 1000, 1000), ("漢字漢字", 1), (" ", 1)],
)
def test_four_characters_make_a_token(text: str, tokens: int) -> None:
    assert text_tokens(text) == tokens


def test_an_encoding_on_the_machine_is_used(of_words: None) -> None:
    assert text_tokens("one two three") == 3
    assert text_tokens(" ") == 1


def test_a_long_text_is_not_encoded(of_words: None) -> None:
    long = "a " * 100_000
    assert text_tokens(long) == len(long) / 4


def test_nothing_is_ever_downloaded(tiktoken: Tiktoken) -> None:
    assert loaded() == round(len(HELLO) / 4)
    assert tiktoken.asked == []


def test_a_damaged_encoding_is_not_used_and_not_fetched_again(tiktoken: Tiktoken, tmp_path: Path) -> None:
    for name in ("o200k_base", "cl100k_base"):
        (tmp_path / estimate._cache_key(name)).write_bytes(b"IQ== 0\n")
    assert loaded() == round(len(HELLO) / 4)
    assert tiktoken.asked == []


@pytest.mark.parametrize("name", ["o200k_base", "cl100k_base"])
def test_an_encoding_on_the_machine_is_loaded_while_nobody_waits(
    name: str, tiktoken: Tiktoken, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = b"IQ== 0\n"
    (tmp_path / estimate._cache_key(name)).write_bytes(file)
    monkeypatch.setitem(estimate._ENCODINGS, name, hashlib.sha256(file).hexdigest())
    assert text_tokens(HELLO) == round(len(HELLO) / 4)
    tiktoken.may_load.set()
    assert loaded() == 7
    assert tiktoken.asked == [name]


def test_without_tiktoken_characters_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tiktoken", None)
    assert loaded() == round(len(HELLO) / 4)


@pytest.mark.parametrize(
    ("body", "tokens"),
    [
        ({"messages": [{"role": "user", "content": HELLO}]}, text_tokens(HELLO) + 4),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": HELLO}]}]}, text_tokens(HELLO) + 4),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x" * 9_999_999}}]}]},
         IMAGE_TOKENS + 4),
        ({"messages": [{"role": "user", "content": HELLO, "images": ["x" * 9999, "y"]}]},
         text_tokens(HELLO) + 4 + 2 * IMAGE_TOKENS),
        ({"messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": HELLO}}]}]},
         text_tokens(HELLO) + 1 + 4),
        ({"input": HELLO}, text_tokens(HELLO)),
        ({"input": [HELLO, HELLO]}, 2 * text_tokens(HELLO)),
        ({"input": [{"type": "message", "content": [{"type": "input_text", "text": HELLO}]}], "instructions": HELLO},
         2 * text_tokens(HELLO)),
        ({"input": [{"type": "function_call_output", "output": HELLO}]}, text_tokens(HELLO)),
        ({"input": [101, 102, 103]}, 3),
        ({"input": [[101, 102], [103]]}, 3),
        ({"prompt": HELLO, "system": HELLO, "suffix": HELLO, "context": [1, 2, 3, 4]}, 3 * text_tokens(HELLO) + 4),
        ({"prompt": HELLO, "images": ["x" * 9999]}, text_tokens(HELLO) + IMAGE_TOKENS),
        ({"system": [{"type": "text", "text": HELLO}]}, text_tokens(HELLO)),
        ({}, 0),
        ({"messages": None, "input": None}, 0),
    ],
)  # fmt: skip
def test_a_prompt_is_all_that_is_sent_to_the_model(body: dict[str, Any], tokens: int) -> None:
    assert prompt_tokens(body) == tokens


def test_tools_are_part_of_the_prompt() -> None:
    tool = {"type": "function", "function": {"name": "weather", "description": HELLO, "parameters": {"type": "object"}}}
    assert prompt_tokens({"tools": [tool]}) > text_tokens(HELLO)
    assert prompt_tokens({"functions": [tool]}) == prompt_tokens({"tools": [tool]})


def nested(kind: type[list[Any]] | type[dict[str, Any]], depth: int = 100_000) -> Any:
    value: Any = "x"
    for _ in range(depth):
        value = [value] if kind is list else {"content": value}
    return value


@pytest.mark.parametrize("key", ["messages", "input", "prompt", "tools", "functions", "system", "images", "context"])
@pytest.mark.parametrize("kind", [list, dict])
def test_deep_nesting_is_not_followed(key: str, kind: Any) -> None:
    assert prompt_tokens({key: nested(kind)}) >= 0
    assert prompt_tokens({key: [{"arguments": nested(kind), "content": nested(kind)}]}) >= 0


def test_what_holds_itself_is_not_followed() -> None:
    circle: dict[str, Any] = {"name": "f"}
    circle["content"] = circle["arguments"] = [circle]
    assert prompt_tokens({"messages": [circle], "tools": [circle]}) > 0


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.binary(max_size=4),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["messages", "content", "type", "input", "tools", "arguments", "images", "text", "prompt"]
                ),
                inner,
                max_size=5,
            )
        ),
        max_leaves=15,
    ).filter(lambda value: isinstance(value, dict))
)
def test_no_body_raises(body: dict[str, Any]) -> None:
    assert prompt_tokens(body) >= 0
