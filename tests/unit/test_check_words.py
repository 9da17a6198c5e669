"""The words of the page Health: each sentence that a check can say is there, in each of the page's languages."""

from __future__ import annotations

import ast
import importlib
import json
import re
import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from openwebui_usage.checks import Check
from openwebui_usage.checks.losses import LOSSES
from openwebui_usage.checks.plugin import of_paths
from openwebui_usage.checks.values import count, rest, some_counted, times
from tests.unit.test_checks import CHECKS

ROOT = Path(__file__).parents[2]
WORDS: dict[str, dict[str, Any]] = json.loads((ROOT / "frontend_patches/pages/words/checks.json").read_text("utf-8"))
LANGUAGES = ("de", "en", "es", "fr", "it", "ja", "ko", "pt", "ru", "tr", "zh")
ENGLISH_ALONE = {("installation", "autoload"), ("looking", None)}
"""Module and id of what the page never shows, and of what tells somebody else's error; None: of any check."""
MAKERS = {"ok", "warn", "fail"}


@dataclass(frozen=True)
class Sentence:
    """One call of `ok`, `warn` or `fail`, as the source has it."""

    id: str
    state: str
    code: str
    text: str
    mend: str | None
    nouns: tuple[str, str] | None
    """What `n` counts: one of them, and several."""

    @property
    def key(self) -> tuple[str, str, str]:
        return self.id, self.state, self.code


def sentences() -> Iterator[Sentence]:
    """All that `openwebui_usage/checks` can say, except `ENGLISH_ALONE`."""
    for file in sorted((ROOT / "openwebui_usage/checks").glob("[!_]*.py")):
        constants = vars(importlib.import_module(f"openwebui_usage.checks.{file.stem}"))
        for function in ast.walk(ast.parse(file.read_text("utf-8"))):
            if not isinstance(function, ast.FunctionDef):
                continue
            for call in ast.walk(function):
                if not isinstance(call, ast.Call) or ast.unparse(call.func) not in MAKERS:
                    continue
                id_ = call.args[0].value if isinstance(call.args[0], ast.Constant) else None
                code = next((keyword.value for keyword in call.keywords if keyword.arg == "code"), None)
                if (file.stem, id_) in ENGLISH_ALONE:
                    assert code is None, f"{file.name}:{call.lineno} has a code: take it out of ENGLISH_ALONE"
                    continue
                assert code is not None, f"{file.name}:{call.lineno} has no code, so that the page can't translate it"
                name, text, *mend = (evaluated(node, constants, file) for node in (code, *call.args[1:]))
                counted = nouns(function, call) if "{n}" in text else None
                yield Sentence(str(id_), ast.unparse(call.func), name, text, *(mend or [None]), counted)


def evaluated(node: ast.expr, constants: Mapping[str, Any], file: Path) -> str:
    """What is the same whenever it is said: of literals and constants of its module."""
    expression = compile(ast.Expression(node), str(file), "eval")
    try:
        value = eval(expression, dict(constants))
    except NameError as error:
        raise AssertionError(f"{file.name}:{node.lineno} is no template that takes values: {error}") from None
    assert isinstance(value, str)
    return value


def nouns(function: ast.FunctionDef, call: ast.Call) -> tuple[str, str]:
    """Of `n=count(number, "call")` in a call, or of `n = count(number, "call")` before it."""
    given = [keyword.value for keyword in call.keywords if keyword.arg == "n"]
    before = [
        node.value
        for node in ast.walk(function)
        if isinstance(node, ast.Assign) and [*map(ast.unparse, node.targets)] == ["n"]
    ]
    words = [
        ast.literal_eval(word) for word in next(each for each in given + before if isinstance(each, ast.Call)).args[1:]
    ]
    one, several = (count(number, *words).english for number in (1, 2))
    return one.removeprefix("1"), several.removeprefix("2")


SENTENCES = {sentence.key: sentence for sentence in sentences()}


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def forms(text: str | dict[str, str]) -> dict[str, str]:
    return text if isinstance(text, dict) else {"other": text}


def worded(language: str) -> dict[tuple[str, str, str], dict[str, Any]]:
    """The words of one language by id, state and code."""
    return {
        (id_, state, code): words
        for id_, states in WORDS[language]["sentences"].items()
        for state, codes in states.items()
        for code, words in codes.items()
    }


def test_each_sentence_has_been_found_and_is_tried() -> None:
    """So that `SENTENCES` are what checks really say; a new one needs a line in `test_checks.CHECKS`."""
    said = {(check.id, check.state, check.code) for check, _, _ in CHECKS}
    assert said == set(SENTENCES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_sentence_has_words(language: str) -> None:
    words = worded(language)
    assert words.keys() == SENTENCES.keys()
    assert set(WORDS) == set(LANGUAGES)
    for key, sentence in SENTENCES.items():
        text, mend = words[key]["text"], words[key].get("mend")
        for form in forms(text).values():
            assert places(form) == places(sentence.text), (language, key)
        assert isinstance(text, dict) == (sentence.nouns is not None), (language, key)
        assert (mend is None) == (sentence.mend is None), (language, key)
        if mend is not None:
            assert places(mend) == places(sentence.mend or ""), (language, key)


@pytest.mark.parametrize("key", SENTENCES, ids=" ".join)
def test_the_page_says_in_english_what_the_doctor_says(key: tuple[str, str, str]) -> None:
    sentence, words = SENTENCES[key], worded("en")[key]
    expected: dict[str, str] = {"other": sentence.text}
    if sentence.nouns is not None:
        one, several = (sentence.text.replace("{n}", f"{{n}}{noun}") for noun in sentence.nouns)
        expected = {"one": one, "other": several}
    assert forms(words["text"]) == expected
    assert words.get("mend") == sentence.mend


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_text_has_a_form_for_each_number(language: str) -> None:
    """By the plural rules of Unicode's CLDR; what only millions or fractions take falls back on `other`."""
    needed = {"ja": {"other"}, "ko": {"other"}, "zh": {"other"}, "ru": {"one", "few", "many", "other"}}
    found = [words["text"] for words in worded(language).values() if isinstance(words["text"], dict)]
    found += [text for text in WORDS[language]["values"].values() if isinstance(text, dict) and "other" in text]
    for text in found:
        assert set(text) == needed.get(language, {"one", "other"}), (language, text)


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_stands_inside_a_sentence_has_words(language: str) -> None:
    values = WORDS[language]["values"]
    assert values.keys() == {"unpriced", "faults", "tries", "more", "losses"}
    for name, expected in (("unpriced", {"name", "n"}), ("faults", {"name", "n"}), ("tries", {"n"}), ("more", {"n"})):
        for form in forms(values[name]).values():
            assert places(form) == expected, (language, name)
    assert values["losses"].keys() == LOSSES.keys()
    for text in values["losses"].values():
        assert places(text) == {"functions"}, language


def test_what_stands_inside_a_sentence_is_the_doctors_in_english() -> None:
    values = WORDS["en"]["values"]

    def said(name: str, n: int) -> str:
        form = forms(values[name]).get("one" if n == 1 else "other", "")
        return form.replace("{n}", str(n)).replace("{name}", "x")

    for n in (1, 3):
        assert said("unpriced", n) == some_counted({"x": n}, "call").english
        assert said("faults", n) == times({"x": n}).english
        assert said("tries", n) == count(n, "time").english
        assert said("more", n) == rest(["x"] * (n + 5)).english
    for loss, text in values["losses"].items():
        assert f": {text.replace('{functions}', 'a.b, c')}." in of_paths([], {loss: ["a.b", "c"]}).text


NUMBERS = {"n", "bytes", "seconds", "milliseconds", "share", "tries", "more"}
TIMES = {"at", "since", "until", "oldest", "utc"}
BY_NAME = {"unpriced": int, "faults": int, "losses": str}


@pytest.mark.parametrize("check", [check for check, _, _ in CHECKS], ids=lambda check: f"{check.id} {check.code}")
def test_values_are_what_their_names_promise(check: Check) -> None:
    """The page writes them as the language does by their names alone."""
    sentence = SENTENCES[check.id, check.state, str(check.code)]
    assert set(check.values) == places(sentence.text) | places(sentence.mend or "")
    for name, value in check.values.items():
        if name in NUMBERS:
            assert isinstance(value, int | float), name
            assert not isinstance(value, bool), name
        elif name in TIMES:
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", str(value)), name
            assert datetime.fromisoformat(str(value)).tzinfo is not None
        elif name in BY_NAME:
            assert isinstance(value, Mapping), name
            assert all(isinstance(each, BY_NAME[name]) for each in value.values()), name
        else:
            assert isinstance(value, str), name
