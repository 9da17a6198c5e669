"""This repository as it was at an earlier commit, for tests of upgrades and of steps back."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path

import pytest

from tests.support.host import ROOT

BEFORE_0005 = "0d8b678ab3d75820c7500b3c602d803bbddd7333"
"""The last commit whose ledger ends with migration 0004: version 0.1.0."""


def earlier_code(directory: Path, *paths: str, commit: str = BEFORE_0005) -> Path:
    """Write `paths` of `commit`, or all of it, into `directory`; returns that. Skips the test in a shallow clone."""
    found = subprocess.run(["git", "archive", commit, *paths], cwd=ROOT, capture_output=True, check=False)
    if found.returncode:
        pytest.skip(f"this clone has no commit {commit[:7]} to go back to: {found.stderr.decode().strip()}")
    with tarfile.open(fileobj=io.BytesIO(found.stdout)) as files:
        files.extractall(directory, filter="data")
    return directory
