"""What the README says of the tests is so."""

from __future__ import annotations

import re

import pytest

from tests.integration.test_paths import PATHS
from tests.support.host import ROOT

README = (ROOT / "README.md").read_text()
NAMED = sorted(set(re.findall(r"(?:tests/\w+/)?test_\w+\.py(?:::\w+)*", README)))


def test_each_path_to_a_model_is_listed_with_its_test() -> None:
    _, _, table = README.partition("| path | test |\n|---|---|\n")
    rows = re.findall(r"^\| (.+) \| `(.+)` \|$", table.partition("\n\n")[0], re.MULTILINE)
    assert {test: path for path, test in rows} == {test: path for test, (path, _) in PATHS.items()}


@pytest.mark.parametrize("named", NAMED)
def test_each_test_that_is_named_is_there(named: str) -> None:
    path, *names = named.split("::")
    [file] = ROOT.glob(path if "/" in path else f"tests/*/{path}")
    source = file.read_text()
    for name in names:
        assert re.search(rf"^\s*(?:def|class) {name}\b", source, re.MULTILINE), name
