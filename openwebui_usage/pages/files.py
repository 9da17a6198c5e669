"""The built files of the pages, in memory: a few hundred kilobytes, each compressed once."""

from __future__ import annotations

import gzip
import hashlib
import importlib.resources
import mimetypes
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

SHELLS = ("my.html", "admin.html")
ENTRIES = "entries.js"
"""The module that puts links to the pages into Open WebUI's own."""
_TYPES = {".js": "text/javascript", ".css": "text/css", ".html": "text/html", ".svg": "image/svg+xml"}
_WORTH_COMPRESSING = 512
"""Bytes."""


@dataclass(frozen=True)
class BuiltFile:
    """One file as it is sent."""

    name: str
    """Within the folder."""
    body: bytes

    @property
    def media_type(self) -> str:
        """By the end of its name."""
        suffix = Path(self.name).suffix
        return _TYPES.get(suffix) or mimetypes.types_map.get(suffix, "application/octet-stream")

    @property
    def cache_control(self) -> str:
        """What has no hash in its name is asked for each time."""
        return "no-cache" if self.name in (*SHELLS, ENTRIES) else "public, max-age=31536000, immutable"

    @cached_property
    def etag(self) -> str:
        """Weak, as the same for compressed and uncompressed."""
        return f'W/"{hashlib.sha256(self.body).hexdigest()[:32]}"'

    @cached_property
    def compressed(self) -> bytes | None:
        """By gzip; None where that is not worth it."""
        if len(self.body) < _WORTH_COMPRESSING or not self.media_type.startswith(("text/", "image/svg")):
            return None
        return gzip.compress(self.body, mtime=0)

    def at_depth(self, depth: int) -> BuiltFile:
        """A shell as it is at an address so many slashes below /usage/: its addresses are relative."""
        return _deeper(self, depth) if depth else self


@lru_cache(maxsize=64)
def _deeper(file: BuiltFile, depth: int) -> BuiltFile:
    return BuiltFile(file.name, file.body.replace(b'"./', b'"' + b"../" * depth))


def built_folder() -> Path:
    """Where the build puts the pages."""
    return Path(str(importlib.resources.files("openwebui_usage") / "web" / "pages"))


def is_built(folder: Path) -> bool:
    """Whether both pages are there, and the way to them."""
    return all((folder / name).is_file() for name in (*SHELLS, ENTRIES))


def read_files(folder: Path) -> dict[str, BuiltFile]:
    """All that the pages are made of, by name within `folder`. Blocks."""
    names = [*SHELLS, ENTRIES, *(f"assets/{path.name}" for path in (folder / "assets").iterdir() if path.is_file())]
    return {name: BuiltFile(name, (folder / name).read_bytes()) for name in names}
