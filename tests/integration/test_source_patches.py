"""Our lines in Open WebUI's own front-end source, put in and taken out by `frontend_patches/apply.sh`."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.frontend import BUILT, PATCH, PATCHED_FILES, VERSIONS, apply, patch, source

pytestmark = pytest.mark.needs_sources
HTML, CHAT, INPUT = PATCHED_FILES
OURS = Path("src/lib/openwebui-usage")


def contents(tree: Path) -> dict[str, bytes]:
    """Every file below `tree`, byte for byte."""
    return {str(path.relative_to(tree)): path.read_bytes() for path in sorted(tree.rglob("*")) if path.is_file()}


@pytest.fixture
def new_tree(tmp_path: Path) -> Callable[..., Path]:
    """`new_tree(version)`: as much of the source as the patches touch, to do with as one likes."""

    def make(version: str = BUILT) -> Path:
        tree = tmp_path / "open-webui"
        for file in ("package.json", *PATCHED_FILES):
            (tree / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source(version) / file, tree / file)
        return tree

    return make


def rewrite(file: Path, change: Callable[[str], str]) -> None:
    before = file.read_bytes().decode()
    after = change(before)
    assert after != before
    file.write_bytes(after.encode())


@pytest.mark.parametrize("version", VERSIONS)
def test_all_that_is_put_in_comes_out_again(version: str, tmp_path: Path) -> None:
    tree = tmp_path / "open-webui"
    shutil.copytree(source(version), tree, ignore=shutil.ignore_patterns("static", ".complete"))
    original = contents(tree)

    check = apply("--check", tree)
    assert (check.returncode, check.stderr) == (0, "")
    assert check.stdout.count("\n") == 7
    assert contents(tree) == original

    assert apply(tree).returncode == 0
    patched = contents(tree)
    changed = {file for file in patched if patched[file] != original.get(file)}
    assert {file for file in changed if not file.startswith(str(OURS))} == set(PATCHED_FILES)
    assert {str(OURS / "host/Counter.svelte"), str(OURS / "components/UsageCounter.svelte")} < changed
    assert not any("/page/" in file or "/advice/" in file or file.endswith("main.ts") for file in changed)

    again = apply(tree)
    assert (again.returncode, again.stdout) == (0, f"Open WebUI {version} is patched already\n")
    assert contents(tree) == patched

    assert apply("--reverse", tree).returncode == 0
    assert contents(tree) == original
    assert not (tree / OURS).exists()
    assert apply("--reverse", tree).stdout == f"Open WebUI {version} has nothing of ours\n"


@pytest.mark.parametrize("version", VERSIONS)
def test_the_lines_stand_where_they_belong(version: str, new_tree: Callable[..., Path]) -> None:
    tree = new_tree(version)
    apply(tree).check_returncode()
    assert '<html lang="en" data-openwebui-usage="source">' in (tree / HTML).read_text()
    page = (tree / INPUT).read_text()
    assert re.search(
        r"^(\t+)<Usage\.Counter models=\{selectedModelIds\} />\n\1<div\n\t+id=\"message-input-", page, re.M
    )
    integrations, effort = page.index("</IntegrationsMenu>"), page.index("<Usage.Effort />")
    web_search = re.search(r"\{#if webSearchEnabled[^}]*\}", page)
    assert web_search is not None
    assert integrations < effort < web_search.start()
    request = (tree / CHAT).read_text()
    body = request[request.index("generateOpenAIChatCompletion(") :]
    assert body.index("model: model.id") < body.index("...Usage.reasoning(") < body.index("background_tasks")


def test_the_readable_patch_is_current() -> None:
    assert PATCH.read_text() == patch(), "write it anew: python -m tests.support.frontend"


def test_the_readable_patch_does_the_same(new_tree: Callable[..., Path]) -> None:
    tree = new_tree()
    subprocess.run(["git", "apply", str(PATCH)], cwd=tree, check=True)
    by_patch = contents(tree)
    tree = new_tree()
    apply(tree).check_returncode()
    assert {file: text for file, text in contents(tree).items() if not file.startswith(str(OURS))} == by_patch


def test_line_ends_stay_as_they_are(new_tree: Callable[..., Path]) -> None:
    tree = new_tree()
    for file in PATCHED_FILES:
        rewrite(tree / file, lambda text: text.replace("\n", "\r\n"))
    original = contents(tree)
    apply(tree).check_returncode()
    for file in PATCHED_FILES:
        assert re.search(rb"[^\r]\n", (tree / file).read_bytes()) is None
    apply("--reverse", tree).check_returncode()
    assert contents(tree) == original


def test_works_from_anywhere(new_tree: Callable[..., Path]) -> None:
    tree = new_tree()
    assert apply(".", cwd=tree).returncode == 0
    assert apply("--reverse", tree.name, cwd=tree.parent).returncode == 0


def test_brings_an_older_patch_up_to_date(new_tree: Callable[..., Path]) -> None:
    tree = new_tree()
    apply(tree).check_returncode()
    expected = contents(tree)
    # As if an earlier version had said it in other words, and had had other files.
    for file in (INPUT, OURS / "applied.json"):
        rewrite(
            tree / file, lambda text: text.replace("<Usage.Counter models={selectedModelIds} />", "<Usage.Counter />")
        )
    (tree / OURS / "host/Counter.svelte").write_text("<p>old</p>\n")
    (tree / OURS / "components/Gone.svelte").write_text("<p>gone</p>\n")
    assert "is patched: 4 files changed" in apply(tree).stdout
    assert contents(tree) == expected


def test_keeps_what_was_changed_around_our_lines(new_tree: Callable[..., Path]) -> None:
    tree = new_tree()
    apply(tree).check_returncode()
    rewrite(tree / INPUT, lambda text: f"<!-- mine -->\n{text}")
    apply("--reverse", tree).check_returncode()
    assert (tree / INPUT).read_text() == f"<!-- mine -->\n{(source(BUILT) / INPUT).read_text()}"


# --- what it refuses

BY_HAND = "is a line of openwebui-usage that was changed, doubled, or put there by hand: take it out"


def line_of(tree: Path, file: str, text: str, nth: int = 0) -> int:
    """The line of the nth occurrence of `text`."""
    lines = (tree / file).read_text().split("\n")
    return [number for number, line in enumerate(lines, 1) if text in line][nth]


def refused(tree: Path, *options: str) -> str:
    """What is said, while nothing changes."""
    before = contents(tree)
    for arguments in [options, ("--check",)] if not options else [options]:
        done = apply(*arguments, tree)
        assert (done.returncode, done.stdout) == (1, "")
        assert contents(tree) == before
    return done.stderr


@pytest.mark.parametrize(
    ("file", "landmark", "anchor"),
    [
        (HTML, "<html", "mark for the script of the plugin"),
        (INPUT, "InputMenu.svelte", "import of counter and effort menu"),
        (INPUT, 'id="message-input-container"', "counter above the input"),
        (INPUT, "</IntegrationsMenu>", "effort menu left of Web Search"),
        (CHAT, "MessageInput.svelte", "import of the effort for requests"),
        (CHAT, "=== model.id),", "effort in the chat request"),
    ],
)
def test_says_where_an_anchor_is_missing(new_tree: Callable[..., Path], file: str, landmark: str, anchor: str) -> None:
    tree = new_tree()
    number = line_of(tree, file, landmark)
    rewrite(tree / file, lambda text: text.replace(landmark, f"{landmark}  "))
    if landmark == "</IntegrationsMenu>":  # what comes after it is part of the anchor
        rewrite(tree / file, lambda text: text.replace(f"{landmark}  ", f"{landmark}\n"))
    said = refused(tree)
    assert said == f'{file}:{number}: "{landmark}" is here, but not as expected (anchor "{anchor}" is missing)\n'

    rewrite(tree / file, lambda text: text.replace(landmark, "<!-- nothing -->"))
    assert refused(tree) == f'{file}:1: "{landmark}" is nowhere in this file (anchor "{anchor}" is missing)\n'


def test_says_where_an_anchor_is_doubled(new_tree: Callable[..., Path]) -> None:
    tree = new_tree()
    [anchor] = re.findall(r"^\t+<div\n\t+id=\"message-input-container\"\n", (tree / INPUT).read_text(), re.M)
    rewrite(tree / INPUT, lambda text: text + anchor)
    first, second = (line_of(tree, INPUT, 'id="message-input-container"', nth) - 1 for nth in (0, 1))
    assert refused(tree) == (
        f'{INPUT}:{second}: anchor "counter above the input" is there 2 times, for the first time in line {first}\n'
    )


def test_says_all_that_is_wrong_at_once(new_tree: Callable[..., Path]) -> None:
    tree = new_tree()
    (tree / HTML).unlink()
    rewrite(tree / CHAT, lambda text: text.replace("=== model.id),", "=== id),"))
    assert refused(tree).splitlines() == [
        f'{HTML}: is missing (anchor "mark for the script of the plugin")',
        f'{CHAT}:1: "=== model.id)," is nowhere in this file (anchor "effort in the chat request" is missing)',
    ]


def test_does_not_double_what_was_put_in_by_hand(new_tree: Callable[..., Path]) -> None:
    tree = new_tree()
    subprocess.run(["git", "apply", str(PATCH)], cwd=tree, check=True)
    said = refused(tree).splitlines()
    assert len(said) == 6
    assert said[0] == f"{HTML}:2: {BY_HAND}"


def test_takes_out_no_line_that_was_changed(new_tree: Callable[..., Path]) -> None:
    tree = new_tree()
    apply(tree).check_returncode()
    rewrite(tree / INPUT, lambda text: text.replace("<Usage.Effort />", "<Usage.Effort wide />"))
    number = line_of(tree, INPUT, "<Usage.Effort wide />")
    expected = f"{INPUT}:{number}: {BY_HAND}\n"
    assert refused(tree, "--reverse") == expected
    assert refused(tree) == expected


def test_says_where_a_line_of_ours_is_doubled(new_tree: Callable[..., Path]) -> None:
    tree = new_tree()
    apply(tree).check_returncode()
    [line] = re.findall(r"^\t+<Usage\.Effort />\n", (tree / INPUT).read_text(), re.M)
    rewrite(tree / INPUT, lambda text: text + line)
    number = line_of(tree, INPUT, "<Usage.Effort />", 1)
    assert refused(tree, "--reverse") == f"{INPUT}:{number}: {BY_HAND}\n"


def test_needs_svelte_5(new_tree: Callable[..., Path]) -> None:
    tree = new_tree()
    rewrite(tree / "package.json", lambda text: re.sub(r'"svelte": "[^"]*"', '"svelte": "^4.2.18"', text))
    assert "is built with Svelte ^4.2.18; the components need Svelte 5, as in 0.6.43 and later" in refused(tree)


def test_a_record_that_cannot_be_read_is_a_reason_to_stop(new_tree: Callable[..., Path]) -> None:
    tree = new_tree()
    apply(tree).check_returncode()
    (tree / OURS / "applied.json").write_text("{")
    assert (
        refused(tree, "--reverse") == f"{OURS}/applied.json:1: cannot be read, so that nobody knows what to take out\n"
    )


def test_changes_nothing_when_it_cannot_write(new_tree: Callable[..., Path]) -> None:
    tree = new_tree()
    (tree / f"{CHAT}.new").mkdir()  # in the way of a draft
    original = contents(tree)
    done = apply(tree)
    assert done.returncode == 2
    assert str(tree / f"{CHAT}.new") in done.stderr
    assert contents(tree) == original
    assert not (tree / OURS).exists()


def test_a_wrong_command_or_path_is_told(new_tree: Callable[..., Path], tmp_path: Path) -> None:
    tree = new_tree()
    (tmp_path / "other").mkdir()
    (tmp_path / "other/package.json").write_text('{"name": "other"}')
    for arguments, said in [
        ([], "usage: "),
        ([tree, tree], "usage: "),
        (["--check", "--reverse", tree], "usage: "),
        (["--force", tree], "--force"),
        ([tmp_path / "nowhere"], "nowhere: there is no such folder"),
        ([tree / "src"], 'is not the top of Open WebUI\'s source (no package.json of "open-webui")'),
        ([tree / "package.json"], "is not the top of Open WebUI's source"),
        ([tmp_path / "other"], "is not the top of Open WebUI's source"),
    ]:
        done = apply(*arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert said in done.stderr
    assert apply("--help").stdout.startswith("usage: ")
