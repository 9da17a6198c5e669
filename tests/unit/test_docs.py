"""What README and docs/ say can be followed: their links, the tests they name, and what is in their blocks of code."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from openwebui_usage.ledger.schema import metadata
from openwebui_usage.settings import ClientSettings, Settings
from tests.integration.test_paths import PATHS
from tests.support.documentation import Block, anchors, blocks, links, pages
from tests.support.host import ROOT

PAGES = pages()
TEXT = "\n".join(page.read_text() for page in PAGES)
NAMED = sorted(set(re.findall(r"(?:tests/\w+/)?test_\w+\.py(?:::\w+)*", TEXT)))
BLOCKS = [block for page in PAGES for block in blocks(page)]
LINKS = [(page, link) for page in PAGES for link in links(page)]


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 200


def test_each_page_is_reached_from_the_readme() -> None:
    linked = {link.partition("#")[0] for link in links(ROOT / "README.md")}
    assert {str(page.relative_to(ROOT)) for page in PAGES} <= {*linked, "README.md"}


@pytest.mark.parametrize(("page", "link"), LINKS, ids=[f"{page.name} {link}" for page, link in LINKS])
def test_each_link_leads_somewhere(page: Path, link: str) -> None:
    path, _, anchor = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    assert target.exists()
    assert not anchor or anchor in anchors(target)


def test_each_path_to_a_model_is_listed_with_its_test() -> None:
    _, _, table = (ROOT / "docs" / "counting.md").read_text().partition("| path | test |\n|---|---|\n")
    rows = re.findall(r"^\| (.+) \| `(.+)` \|$", table.partition("\n\n")[0], re.MULTILINE)
    assert {test: path for path, test in rows} == {test: path for test, (path, _) in PATHS.items()}


@pytest.mark.parametrize("settings", [Settings, ClientSettings])
def test_each_setting_is_documented(settings: type[Settings | ClientSettings]) -> None:
    prefix = settings.model_config["env_prefix"]
    names = {prefix + name.upper() for name, field in settings.model_fields.items() if not field.validation_alias}
    assert {name for name in names if f"`{name}`" not in TEXT} == set()


def test_each_table_is_named_where_all_are_to_be_removed() -> None:
    page = (ROOT / "docs" / "installing.md").read_text().partition("## Uninstalling")[2]
    assert {name for name in metadata.tables if f"`{name}`" not in page} == set()


def test_each_table_with_people_is_named_where_privacy_is_explained() -> None:
    page = (
        (ROOT / "docs" / "privacy.md").read_text().partition("## What is stored about people")[2].partition("\n## ")[0]
    )
    people = re.compile(r"user|owner|author|created_by|scope_id|subject")
    tables = {name for name, table in metadata.tables.items() if any(people.search(column.name) for column in table.c)}
    assert {"usage_journal", "usage_credit"} <= tables
    assert {name for name in tables if f"`{name}`" not in page} == set()


def test_each_endpoint_is_documented() -> None:
    source = "".join(file.read_text() for file in (ROOT / "openwebui_usage" / "api").rglob("*.py"))
    paths = re.findall(r"@router\.\w+\(\s*\"(/[^\"]*)\"", source)
    assert "/groups/{name}/reset" in paths
    reference = (ROOT / "docs" / "api.md").read_text()
    known = {path.partition(":")[0].partition("/{model")[0] for path in paths}
    assert {path for path in known if f"/api/usage{path}" not in reference} == set()


def test_each_line_of_the_log_that_is_explained_is_written() -> None:
    files = (ROOT / "openwebui_usage").rglob("*.py")
    written = re.sub(r'"\s*\n\s*f?"', "", "".join(file.read_text() for file in files))
    table = (ROOT / "docs" / "operations.md").read_text().partition("## Lines of the log")[2].partition("\n## ")[0]
    lines = re.findall(r"^\| `(.+?)` \|", table, re.MULTILINE)
    assert len(lines) > 20
    unknown = [line for line in lines if not all(part in written for part in re.split(r"\s?…[:;,]?\s?", line))]
    assert unknown == []


def test_a_fresh_readers_questions_lead_to_what_is_there() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    table = page.partition("## Where is what")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (.+?\?) \| (.+) \|$", table, re.MULTILINE)
    assert len(rows) >= 15
    for question, answer in rows:
        file = None
        for named in re.findall(r"`([^`]+)`", answer):
            if "/" in named:
                file = ROOT / named
                assert file.exists(), question
            else:  # A name in the file before it.
                assert file is not None, question
                assert re.search(rf"\b{named}\b", file.read_text()), question


def test_each_file_that_the_architecture_names_is_there() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    ours = ROOT / "openwebui_usage"
    rooms = (ROOT, ours, ours / "host", ours / "ledger")
    files = {name for name in re.findall(r"`([\w./]+)`", page) if name.endswith((".py", ".toml", ".json", ".ts", "/"))}
    assert len(files) > 40
    assert {name for name in files if not any((room / name).exists() for room in rooms)} == set()


@pytest.mark.parametrize("named", NAMED)
def test_each_test_that_is_named_is_there(named: str) -> None:
    path, *names = named.split("::")
    [file] = ROOT.glob(path if "/" in path else f"tests/*/{path}")
    source = file.read_text()
    for name in names:
        assert re.search(rf"^\s*(?:def|class) {name}\b", source, re.MULTILINE), name


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_each_block_of_code_is_sound(block: Block) -> None:
    if block.language == "bash":
        subprocess.run(["bash", "-n"], input=block.code, text=True, check=True)
    elif block.language == "json":
        json.loads(block.code)
    elif block.language == "python":
        compile(block.code, str(block), "exec")
    else:
        assert block.language in {"sql", "text", "dockerfile", "yaml"}
