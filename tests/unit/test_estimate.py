"""Estimates never raise, wait or download, and never make something free."""

from __future__ import annotations

import hashlib
import sys
import threading
import time
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
    [("", 0), ("a", 1), ("ab", 1), ("abcdefgh", 2), ("abcd" * 1000, 1000), ("漢字漢字", 3), (" ", 1)],
)
def test_four_latin_characters_make_a_token(text: str, tokens: int) -> None:
    assert text_tokens(text) == tokens


def test_an_encoding_on_the_machine_is_used(of_words: None) -> None:
    assert text_tokens("one two three") == 3
    assert text_tokens(" ") == 1


def test_of_a_long_text_parts_are_encoded(monkeypatch: pytest.MonkeyPatch) -> None:
    encoded: list[str] = []

    def count(text: str) -> int:
        encoded.append(text)
        return text.count("a") + 5 * text.count("b")

    monkeypatch.setattr(estimate, "_loaded", [count])
    long = "a " * 100_000 + "b " * 100_000
    assert text_tokens(long) == pytest.approx(600_000, rel=0.02)
    assert sum(map(len, encoded)) == 20_000


PUBLISHED = {
    "English": ("Hello, my name is GPT-4o. I'm a new type of language model, it's nice to meet you!", 24),
    "Chinese": ("你好，我的名字是GPT-4o。我是一种新型的语言模型，很高兴见到你!", 24),
    "Japanese": ("こんにちは、私の名前はGPT-4oです。私は新しいタイプの言語モデルです。初めまして!", 26),
    "Korean": ("안녕하세요, 제 이름은 GPT-4o입니다. 저는 새로운 유형의 언어 모델입니다, 만나서 반갑습니다!", 27),
    "Russian": ("Привет, меня зовут GPT-4o. Я — новая языковая модель, приятно познакомиться!", 23),
    "Arabic": ("مرحبًا، اسمي جي بي تي-4o. أنا نوع جديد من نموذج اللغة، سررت بلقائك!", 26),
    "Hindi": ("नमस्ते, मेरा नाम जीपीटी-4o है। मैं एक नए प्रकार का भाषा मॉडल हूँ। आपसे मिलकर अच्छा लगा!", 31),
    "Vietnamese": ("Xin chào, tên tôi là GPT-4o. Tôi là một loại mô hình ngôn ngữ mới, rất vui được gặp bạn!", 30),
    "German": ("Hallo, mein Name is GPT-4o. Ich bin ein neues KI-Sprachmodell. Es ist schön, dich kennenzulernen.", 29),
}
"""Sentences and their tokens in `o200k_base`, from OpenAI's "Hello GPT-4o"."""


@pytest.mark.parametrize("times", [1, 100, 1000])
@pytest.mark.parametrize("language", PUBLISHED)
def test_a_text_is_weighed_by_its_script(language: str, times: int) -> None:
    text, tokens = PUBLISHED[language]
    assert text_tokens(text * times) == pytest.approx(tokens * times, rel=0.2)


@pytest.mark.parametrize(
    ("text", "fewest", "most"),
    [
        ("สวัสดีครับ ยินดีที่ได้รู้จัก", 8, 20),
        ("🙂🎉🚀🙂🎉🚀", 6, 18),
        ("0123456789" * 30, 95, 110),
        (" " * 4000, 1, 5),
        ("def f():\n" + " " * 16 + "return 1\n", 6, 12),
        ("aGVsbG8gd29ybGQgMTIzNDU2Nzg5MCBRV0VSVFlVSU9QQVNERkdI" * 10, 250, 420),
        ("\ud83d" * 100, 30, 300),
        ("𝔘𝔫𝔦𝔠𝔬𝔡𝔢" * 10, 30, 220),
    ],
)
def test_what_is_no_prose_is_weighed_too(text: str, fewest: int, most: int) -> None:
    assert fewest <= text_tokens(text) <= most


@pytest.mark.parametrize("text", ["漢かA1 ", "a1B" * 66 + " ", " \t", "é漢🙂ж", "=" * 199 + "A1a "])
def test_a_long_text_is_weighed_in_no_time(text: str) -> None:
    text = text * (4_000_000 // len(text))
    began = time.perf_counter()
    assert text_tokens(text) > 0
    assert time.perf_counter() - began < 0.25


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
