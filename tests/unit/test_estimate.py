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


MEASURED = {
    "English": (19, "The library opens at nine. Please bring your card, and return every book within four weeks."),
    "German": (17, "Bitte bringen Sie Ihren Ausweis mit und geben Sie jedes Buch binnen vier Wochen zurück."),
    "French": (14, "Apportez votre carte et rendez chaque livre dans les quatre semaines."),
    "Spanish": (16, "Traiga su tarjeta y devuelva cada libro en un plazo de cuatro semanas."),
    "Polish": (26, "Proszę przynieść kartę i zwrócić każdą książkę w ciągu czterech tygodni."),
    "Czech": (36, "Knihovna otevírá v devět hodin. Přineste si prosím průkazku a každou knihu vraťte do čtyř týdnů."),
    "Turkish": (17, "Lütfen kartınızı getirin ve her kitabı dört hafta içinde geri verin."),
    "Vietnamese": (27, "Thư viện mở cửa lúc chín giờ. Xin mang theo thẻ và trả mỗi cuốn sách trong vòng bốn tuần."),
    "Russian": (19, "Возьмите с собой билет и возвращайте каждую книгу в течение четырёх недель."),
    "Ukrainian": (31, "Візьміть із собою квиток і повертайте кожну книжку протягом чотирьох тижнів."),
    "Greek": (28, "Φέρτε την κάρτα σας και επιστρέψτε κάθε βιβλίο μέσα σε τέσσερις εβδομάδες."),
    "Hebrew": (26, "הספרייה נפתחת בתשע. נא להביא את הכרטיס ולהחזיר כל ספר בתוך ארבעה שבועות."),
    "Arabic": (26, "تفتح المكتبة في الساعة التاسعة. يرجى إحضار بطاقتك وإعادة كل كتاب خلال أربعة أسابيع."),
    "Hindi": (29, "पुस्तकालय नौ बजे खुलता है। कृपया अपना कार्ड लाएँ और हर किताब चार सप्ताह के भीतर लौटा दें।"),
    "Bengali": (33, "গ্রন্থাগার নয়টায় খোলে। অনুগ্রহ করে আপনার কার্ড আনুন এবং প্রতিটি বই চার সপ্তাহের মধ্যে ফেরত দিন।"),
    "Tamil": (24, "உங்கள் அட்டையைக் கொண்டு வாருங்கள், ஒவ்வொரு புத்தகத்தையும் திருப்பித் தாருங்கள்."),
    "Telugu": (45, ("గ్రంథాలయం తొమ్మిది గంటలకు తెరుచుకుంటుంది. దయచేసి మీ కార్డు తీసుకురండి, ప్రతి పుస్తకాన్ని నాలుగు వారాలలోపు తిరిగి ఇవ్వండి.")),
    "Thai": (36, "ห้องสมุดเปิดเวลาเก้าโมงเช้า กรุณานำบัตรมาด้วยและคืนหนังสือทุกเล่มภายในสี่สัปดาห์"),
    "Georgian": (36, "ბიბლიოთეკა ცხრა საათზე იღება. გთხოვთ, თან იქონიოთ ბარათი და ყველა წიგნი ოთხ კვირაში დააბრუნოთ."),
    "Chinese": (27, "图书馆九点开门。请带上您的借书证，并在四周之内归还每一本书。"),
    "Chinese, traditional": (29, "圖書館九點開門。請帶上您的借書證，並在四週之內歸還每一本書。"),
    "Japanese": (29, "図書館は九時に開きます。カードをお持ちください。本はすべて四週間以内に返してください。"),
    "Korean": (32, "도서관은 아홉 시에 엽니다. 카드를 가져오시고 모든 책은 사 주 안에 반납해 주십시오."),
    "Python": (22, "def overdue(loans, today):\n    return [loan for loan in loans if loan.due < today]\n"),
    "JSON": (33, '{"id": 17, "title": "On Liberty", "due": "2026-11-28", "reader": {"name": "Ann"}}'),
    "Emoji": (12, "📚 Books due soon! 🎉🙂 See you 👍"),
}
"""Texts that no weight was fitted to, and their tokens in tiktoken's `o200k_base`."""


@pytest.mark.parametrize("kind", MEASURED)
def test_an_estimate_is_near_what_a_tokenizer_counts(kind: str) -> None:
    tokens, text = MEASURED[kind]
    # Short values make for many tokens: of JSON a third is missed, and no more.
    assert text_tokens(text) == pytest.approx(tokens, rel=0.4 if kind == "JSON" else 0.3)


def test_errors_of_estimates_cancel_out() -> None:
    estimated = sum(text_tokens(text) for _, text in MEASURED.values())
    assert estimated == pytest.approx(sum(tokens for tokens, _ in MEASURED.values()), rel=0.05)


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


@pytest.mark.timeout(60)
@pytest.mark.parametrize("text", ["漢かA1 ", "a1B" * 66 + " ", " \t", "é漢🙂ж", "=" * 199 + "A1a "])
def test_a_long_text_is_weighed_in_no_time(text: str) -> None:
    assert text_tokens(text * (4_000_000 // len(text))) > 0


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
