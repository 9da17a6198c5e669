"""How the tests of a run are ordered, and shared among processes."""

from __future__ import annotations

import pytest

from tests.support.sharing import group, place

IN_ORDER = [
    "tests/unit/test_tokens.py::test_a[x]",
    "tests/integration/test_workers.py::test_a",
    "tests/integration/test_install.py::test_a",
    "tests/integration/test_access.py::test_a",
    "tests/browser/test_pages.py::test_a",
    "tests/browser/test_admin_pages.py::test_a",
    "tests/browser/test_looks.py::test_a[dark-patched]",
    "tests/browser/test_looks.py::test_a[dark-stock]",
]


def test_quick_tests_come_first_and_those_of_the_browser_last() -> None:
    mixed = IN_ORDER[::-1]
    assert sorted(mixed, key=place) == IN_ORDER


@pytest.mark.parametrize(
    ("one", "another", "together"),
    [
        ("tests/integration/test_paths.py::test_a", "tests/integration/test_paths.py::TestB::test_b[x]", True),
        ("tests/integration/test_docs.py::test_a", "tests/unit/test_docs.py::test_a", False),
        ("tests/integration/test_kill.py::test_a", "tests/integration/test_workers.py::test_a", True),
        ("tests/browser/test_looks.py::test_a[stock]", "tests/browser/test_looks.py::test_b[stock]", False),
        ("tests/browser/test_looks.py::test_a[patched]", "tests/browser/test_patched_build.py::test_b[patched]", True),
    ],
)
def test_one_process_takes_what_belongs_together(one: str, another: str, together: bool) -> None:
    assert (group(one) == group(another)) is together
