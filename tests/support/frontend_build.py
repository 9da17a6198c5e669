"""Gets Open WebUI's front-end source and builds it with our patches, for real: what `tests/run` calls.

python -m tests.support.frontend_build download VERSION DIRECTORY
python -m tests.support.frontend_build build TREE DIRECTORY RELEASED
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from tests.support.frontend import APPLY, BUILT, source

# pip builds what it downloads, to learn its dependencies, and the build of Open WebUI is that of its front end. With
# --no-build-isolation this answers in place of the real backend: what the archive says about itself is enough.
_NO_BUILD = """
import os, shutil

def prepare_metadata_for_build_wheel(directory, config_settings=None):
    os.mkdir(os.path.join(directory, "open_webui.dist-info"))
    shutil.copy("PKG-INFO", os.path.join(directory, "open_webui.dist-info", "METADATA"))
    return "open_webui.dist-info"
"""


def download(version: str, directory: Path) -> None:
    """Get the source distribution by name and version, and unpack what is of the front end."""
    with tempfile.TemporaryDirectory(dir=directory.parent) as temporary:
        backend = Path(temporary) / "backend" / "hatchling"
        backend.mkdir(parents=True)
        (backend / "__init__.py").touch()
        (backend / "build.py").write_text(_NO_BUILD)
        options = ["--no-deps", "--no-build-isolation", "--no-binary", "open-webui", "--dest", temporary]
        _run(
            *[sys.executable, "-m", "pip", "download", "--quiet", "--no-input", *options, f"open-webui=={version}"],
            PYTHONPATH=str(backend.parent),
        )
        [archive] = Path(temporary).glob("open_webui-*.tar.gz")
        with tarfile.open(archive) as tar:
            tar.extractall(temporary, [each for each in tar if _is_wanted(each.name, version)], filter="data")
        [unpacked] = Path(temporary).glob("open_webui-*/")
        shutil.move(unpacked, directory)


def _is_wanted(name: str, version: str) -> bool:
    """The patches touch `src`; a build needs all but the server."""
    top = name.split("/")[1]
    return top not in {"backend", "docs"} if version == BUILT else top in {"src", "package.json"}


def build(tree: Path, directory: Path, released: Path) -> None:
    """Patch the source in `tree`, build it and leave the result in `directory`.

    `tree` is made where it is missing, and keeps its packages, so that the next build is quick. What a build would
    fetch from elsewhere (Pyodide) is taken from `released`, the front end of the same version that pip has installed.
    Takes 6 GB of memory.
    """
    packed = tree / "node_modules" / ".complete"
    if not packed.exists():
        shutil.rmtree(tree, ignore_errors=True)
        shutil.copytree(source(BUILT), tree)
        # Both variables keep an install script from a download that no build needs.
        _run(
            "npm",
            "ci",
            "--no-audit",
            "--no-fund",
            cwd=tree,
            CYPRESS_INSTALL_BINARY="0",
            ONNXRUNTIME_NODE_INSTALL_CUDA="skip",
        )
        packed.touch()
    _run(APPLY, tree)
    # Not `npm run build`, which begins with that fetch. Source maps would take half as long again, and 2.5 GB more.
    vite = ["node_modules/vite/bin/vite.js", "build", "--sourcemap", "false"]
    _run("node", "--max-old-space-size=12288", *vite, cwd=tree, npm_package_version=BUILT)
    shutil.copytree(released / "pyodide", tree / "build" / "pyodide", dirs_exist_ok=True)
    shutil.rmtree(directory, ignore_errors=True)
    shutil.move(tree / "build", directory)


def _run(*command: str | Path, cwd: Path | None = None, **variables: str) -> None:
    subprocess.run([str(part) for part in command], cwd=cwd, env={**os.environ, **variables}, check=True)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["download", version, directory]:
            download(version, Path(directory))
        case ["build", tree, directory, released]:
            build(Path(tree), Path(directory), Path(released))
        case _:
            sys.exit(__doc__)
