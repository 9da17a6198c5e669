"""Open WebUI's front-end source in several versions, patched and not; `tests/run` has prepared it.

`python -m tests.support.frontend` writes the readable patch anew.
"""

from __future__ import annotations

import difflib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.support.host import ROOT

SOURCES_VARIABLE = "OPENWEBUI_USAGE_TEST_SOURCES"
BUILD_VARIABLE = "OPENWEBUI_USAGE_TEST_PATCHED"
VERSIONS = tuple(Path(__file__).with_name("front_end_versions.txt").read_text().split())
"""To all of these the patches are applied."""
BUILT = "0.12.4"
"""And this one is built. The host of the tests has to be the same."""

APPLY = ROOT / "frontend_patches" / "apply.sh"
PATCH = ROOT / "frontend_patches" / f"open-webui-{BUILT}.patch"
PATCHED_FILES = (
    "src/app.html",
    "src/lib/components/chat/Chat.svelte",
    "src/lib/components/chat/MessageInput.svelte",
)

# Chosen tests are not held up by a build, unless tests/run was given --patched.
# None, as for tests that say nothing: they share a server with these.
FRONT_ENDS = [pytest.param(None, id="stock"), *(["patched"] if os.environ.get(BUILD_VARIABLE) else [])]
on_both_front_ends = pytest.mark.parametrize("front_end", FRONT_ENDS, indirect=True, scope="session")
"""For tests that hold for what is served as it was released, and for what was built from patched source.

On the latter only those run every day that are marked `everyday`; `tests/run --all` runs them all.
"""


def patched_build() -> Path:
    """The built front end, as FRONTEND_BUILD_DIR takes it."""
    return _prepared(BUILD_VARIABLE)


def source(version: str) -> Path:
    """The untouched source of one of `VERSIONS`, as far as it belongs to the front end. Nobody writes to it."""
    return _prepared(SOURCES_VARIABLE) / version


def apply(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run apply.sh."""
    command = [str(part) for part in (APPLY, *arguments)]
    return subprocess.run(command, cwd=cwd, text=True, capture_output=True, stdin=subprocess.DEVNULL)


def patch() -> str:
    """What apply.sh does to Open WebUI's own files, as a unified diff with one line of context."""
    original = source(BUILT)
    with tempfile.TemporaryDirectory() as temporary:
        patched = Path(temporary)
        for file in ("package.json", *PATCHED_FILES):
            (patched / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(original / file, patched / file)
        apply(patched).check_returncode()
        lines = [f"What apply.sh does to Open WebUI {BUILT}, beside our own files in src/lib/openwebui-usage.\n"]
        for file in PATCHED_FILES:
            before, after = ((tree / file).read_text().splitlines(keepends=True) for tree in (original, patched))
            lines += difflib.unified_diff(before, after, f"a/{file}", f"b/{file}", n=1)
    return "".join(lines)


def _prepared(variable: str) -> Path:
    given = os.environ.get(variable)
    if not given:
        raise RuntimeError(f"{variable} is not set: start the tests with tests/run")
    return Path(given)


if __name__ == "__main__":
    PATCH.write_text(patch())
