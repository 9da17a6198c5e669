"""Build a release of one commit: an sdist, a wheel and a bill of materials, the same bytes whoever builds them.

    deploy/release/build [--commit HEAD] [--to dist]

Builds twice, in folders of different names: the second wheel from the unpacked sdist. Ends with 1 where a byte differs,
where the commit's places for the version disagree, or where twine or CycloneDX's schema object.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import sbom

ROOT = Path(__file__).resolve().parents[2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--commit", default="HEAD", help="what is built: only what is committed (default: HEAD)")
    parser.add_argument("--to", type=Path, default=ROOT / "dist", help="an empty or new folder (default: dist)")
    wanted = parser.parse_args()
    if wanted.to.exists() and any(wanted.to.iterdir()):
        raise SystemExit(f"release: {wanted.to} is not empty")
    epoch = _git("log", "-1", "--format=%ct", wanted.commit)
    with tempfile.TemporaryDirectory(prefix="openwebui-usage-release-") as scratch:
        work = Path(scratch)
        first, second = _export(wanted.commit, work / "first"), _export(wanted.commit, work / "a second one")
        version = version_of(first)
        _check_places(first, version)
        sdist, wheel = _build(first, work / "dist", epoch, "sdist"), _build(first, work / "dist", epoch, "wheel")
        again = _build(second, work / "again", epoch, "sdist")
        with tarfile.open(again) as archive:
            archive.extractall(work / "unpacked", filter="data")
        [unpacked] = (work / "unpacked").iterdir()
        _compare(sdist, again)
        _compare(wheel, _build(unpacked, work / "again", epoch, "wheel"))
        subprocess.run([sys.executable, "-m", "twine", "check", "--strict", sdist, wheel], check=True)
        bill = work / "dist" / f"openwebui_usage-{version}.cdx.json"
        sbom.write(first, version, bill)
        _validate(bill)
        shutil.copytree(work / "dist", wanted.to, dirs_exist_ok=True)
    for file in sorted(wanted.to.iterdir()):
        print(hashlib.sha256(file.read_bytes()).hexdigest(), "", file.name)


def version_of(root: Path) -> str:
    """The version, from the one place where it is set."""
    module = ast.parse((root / "openwebui_usage" / "__init__.py").read_text())
    for statement in module.body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "__version__":
            return str(ast.literal_eval(statement.value))
    raise SystemExit("release: openwebui_usage/__init__.py sets no __version__")


def other_places(root: Path) -> dict[str, list[str]]:
    """Versions that are written where no code can ask for the one place: what the functions and manifests say."""
    functions = {
        f"functions/{file.name}": re.findall(r"^version: (\S+)$", file.read_text(), re.MULTILINE)
        for file in sorted((root / "functions").glob("*.py"))
    }
    bootstrap = (root / "functions" / "usage_bootstrap.py").read_text()
    manifest = (root / "deploy" / "kubernetes" / "open-webui.yaml").read_text()
    return {
        **functions,
        "the wheel in functions/usage_bootstrap.py": re.findall(
            r"^requirements: .*-(\S+?)-py3-", bootstrap, re.MULTILINE
        ),
        "deploy/kubernetes/open-webui.yaml": re.findall(r"image: \S*open-webui-usage:(\S+)", manifest),
        "CHANGELOG.md": re.findall(r"^## (\d\S*)", (root / "CHANGELOG.md").read_text(), re.MULTILINE)[:1],
    }


def _check_places(root: Path, version: str) -> None:
    wrong = {place: found for place, found in other_places(root).items() if found != [version]}
    if wrong:
        raise SystemExit(f"release: the version is {version}, but not in {wrong}")


def _git(*arguments: str) -> str:
    return subprocess.check_output(["git", "-C", ROOT, *arguments], text=True).strip()


def _export(commit: str, folder: Path) -> Path:
    """What is committed, and nothing that lies about."""
    folder.mkdir()
    archive = subprocess.check_output(["git", "-C", ROOT, "archive", "--format=tar", commit])
    subprocess.run(["tar", "-x", "-C", folder], input=archive, check=True)
    return folder


def _build(source: Path, folder: Path, epoch: str, kind: str) -> Path:
    env = {**os.environ, "SOURCE_DATE_EPOCH": epoch}
    before = set(folder.glob("*"))
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", folder]
    subprocess.run(command, cwd=source, env=env, check=True, stdout=subprocess.DEVNULL)
    [made] = set(folder.glob("*")) - before
    return made


def _compare(first: Path, second: Path) -> None:
    if first.read_bytes() != second.read_bytes():
        raise SystemExit(f"release: {first.name} was built twice, and differs")


def _validate(bill: Path) -> None:
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    problem = JsonStrictValidator(SchemaVersion.V1_6).validate_str(bill.read_text())
    if problem is not None:
        raise SystemExit(f"release: {bill.name} is no CycloneDX: {problem}")


if __name__ == "__main__":
    main()
