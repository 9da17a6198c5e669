"""What deploy/release/ makes of the work tree: one version, the same bytes each time, and what is in them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

from openwebui_usage import __version__
from tests.support.host import ROOT


def load(name: str) -> ModuleType:
    spec = spec_from_file_location(f"release_{name}", ROOT / "deploy" / "release" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


sbom = load("sbom")


@pytest.fixture(scope="module")
def build() -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "deploy" / "release"))
        return load("build")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Path]]:
    """An sdist and a wheel, each built twice: in folders of other names, by files of other times and rights."""
    found: dict[str, list[Path]] = {"sdist": [], "wheel": []}
    for number, umask in enumerate((0o022, 0o077)):
        folder = tmp_path_factory.mktemp(f"build{number}")
        source = folder / f"source number {number}"
        ignored = shutil.ignore_patterns("__pycache__", ".git", "node_modules", "artefacts", ".*_cache")
        names = ("openwebui_usage", "functions", "pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE", ".gitignore")
        for name in names:
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            copy(ROOT / name, source / name, **({"ignore": ignored} if copy is shutil.copytree else {}))  # type: ignore[operator]
        for path in source.rglob("*"):
            os.utime(path, (1_000_000_000 + number, 1_000_000_000 + number))
        for kind, files in found.items():
            command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", folder / "dist"]
            env = {**os.environ, "SOURCE_DATE_EPOCH": "1790000000"}
            subprocess.run(command, cwd=source, env=env, umask=umask, check=True, capture_output=True)
            files.append(next((folder / "dist").glob("*.whl" if kind == "wheel" else "*.tar.gz")))
    return found


@pytest.mark.parametrize("kind", ["sdist", "wheel"])
def test_what_is_built_twice_has_the_same_bytes(made: dict[str, list[Path]], kind: str) -> None:
    one, other = made[kind]
    assert one.name == other.name
    assert one.read_bytes() == other.read_bytes()


def test_the_version_is_that_of_the_package_wherever_it_is_written(
    build: ModuleType, made: dict[str, list[Path]]
) -> None:
    assert build.version_of(ROOT) == __version__
    found = build.other_places(ROOT)
    assert len(found) >= 6
    assert {place: versions for place, versions in found.items() if versions != [__version__]} == {}
    assert made["wheel"][0].name == f"openwebui_usage-{__version__}-py3-none-any.whl"


def test_the_wheel_has_what_it_needs_and_the_licences_of_what_it_contains(made: dict[str, list[Path]]) -> None:
    with zipfile.ZipFile(made["wheel"][0]) as wheel:
        names = set(wheel.namelist())
    files = {path for path in (ROOT / "openwebui_usage").rglob("*") if path.is_file() and path.suffix != ".pyc"}
    elsewhere = {"openwebui_usage/host/openwebui_usage.pth"}  # In site-packages itself, where it is read.
    assert {str(path.relative_to(ROOT)) for path in files} - elsewhere <= names
    assert {"openwebui_usage.pth", "openwebui_usage/functions/usage_bootstrap.py"} <= names
    assert f"openwebui_usage-{__version__}.dist-info/licenses/LICENSE" in names


def test_the_sdist_makes_the_same_wheel_by_itself(made: dict[str, list[Path]], tmp_path: Path) -> None:
    with tarfile.open(made["sdist"][0]) as archive:
        archive.extractall(tmp_path, filter="data")
    [source] = tmp_path.iterdir()
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path / "dist"]
    env = {**os.environ, "SOURCE_DATE_EPOCH": "1790000000"}
    subprocess.run(command, cwd=source, env=env, check=True, capture_output=True)
    assert next((tmp_path / "dist").iterdir()).read_bytes() == made["wheel"][0].read_bytes()


class TestBillOfMaterials:
    BILL = sbom.bill(ROOT, __version__)

    def test_it_names_what_the_scripts_contain_with_version_and_licence(self) -> None:
        lock = json.loads((ROOT / "frontend_patches" / "package-lock.json").read_text())["packages"]
        contained = self.BILL["metadata"]["component"]["components"]
        assert {item["name"] for item in contained} == sbom.bundled_names(ROOT) >= {"svelte", "dompurify", "temml"}
        for item in contained:
            assert item["version"] == lock[f"node_modules/{item['name']}"]["version"]
            assert item["licenses"]

    def test_it_names_what_the_wheel_asks_for(self, made: dict[str, list[Path]]) -> None:
        with zipfile.ZipFile(made["wheel"][0]) as wheel:
            metadata = wheel.read(f"openwebui_usage-{__version__}.dist-info/METADATA").decode()
        asked = re.findall(r"^Requires-Dist: ([\w.-]+)(?!.*extra ==).*$", metadata, re.MULTILINE)
        assert sorted(item["name"] for item in self.BILL["components"]) == sorted(asked)
        assert [found["dependsOn"] for found in self.BILL["dependencies"]] == [
            [item["bom-ref"] for item in self.BILL["components"]]
        ]

    def test_it_is_the_same_each_time(self, tmp_path: Path) -> None:
        for name in ("one", "other"):
            sbom.write(ROOT, __version__, tmp_path / name)
        assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()

    def test_a_tree_without_built_scripts_has_none(self, tmp_path: Path) -> None:
        with pytest.raises(SystemExit, match="build the front end first"):
            sbom.bundled_names(tmp_path)
