"""README.md and docs/ as tests read them: pages, the links between them, and the fenced blocks of code.

A shell block is run by tests/integration/test_docs.py, unless a comment in the line before it says otherwise:
`<!-- run by tests/… -->` names the test that runs the same, `<!-- not run: why -->` says what that would need.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.host import ROOT

_BLOCK = re.compile(
    r"^(?P<before>[^\n]*)\n(?P<indent> *)```(?P<language>\w*)\n(?P<code>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL
)
_NOTE = re.compile(r"<!-- (?:run by (?P<test>\S+)|not run: (?P<reason>.+)) -->")


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block. `line` is that of its first line of code."""

    page: Path
    line: int
    language: str
    code: str
    test: str | None
    """The test that runs it, where the comment before it names one."""
    reason: str | None
    """Why it is not run, where the comment before it says so."""

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def pages() -> list[Path]:
    """The README, the changelog and every page of docs/."""
    return [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page: Path, *languages: str) -> list[Block]:
    """The fenced blocks of a page, in order; those of `languages` where any are named."""
    return [block for block in _blocks(page) if not languages or block.language in languages]


def _blocks(page: Path) -> Iterator[Block]:
    text = page.read_text()
    for match in _BLOCK.finditer(text):
        note = _NOTE.fullmatch(match["before"].strip())
        code = re.sub(rf"^{match['indent']}", "", match["code"], flags=re.MULTILINE)
        line = text.count("\n", 0, match.start("code")) + 1
        test, reason = (note["test"], note["reason"]) if note else (None, None)
        yield Block(page, line, match["language"], code, test, reason)


def anchors(page: Path) -> set[str]:
    """What a link to a part of the page may name: its headings, spelled as GitHub does."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```", "", page.read_text(), flags=re.M | re.S), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(page: Path) -> list[str]:
    """Where the links and pictures of a page lead within the repository."""
    found = re.findall(r"\]\(([^)\s]+)\)", page.read_text())
    return [link for link in found if not re.match(r"[a-z]+:", link)]
