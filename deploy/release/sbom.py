"""The bill of materials of a release in CycloneDX 1.6: what the wheel contains of others, and what it asks for.

Components that are contained are npm packages, of whose code the built scripts have parts; `required` ones are Python
packages that pip installs, or finds in Open WebUI's environment. Nothing in it depends on the time or the machine.
"""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import quote


def bill(root: Path, version: str) -> dict[str, Any]:
    """The bill of the work tree at `root`."""
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    contained = [_npm(name, package) for name, package in sorted(_bundled(root).items())]
    required = [_pypi(requirement) for requirement in sorted(project["dependencies"])]
    itself = f"pkg:pypi/{project['name']}@{version}"
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": itself,
                "name": project["name"],
                "version": version,
                "description": project["description"],
                "licenses": [{"license": {"id": project["license"]}}],
                "purl": itself,
                "components": contained,
            }
        },
        "components": required,
        "dependencies": [{"ref": itself, "dependsOn": [component["bom-ref"] for component in required]}],
    }


def bundled_names(root: Path) -> set[str]:
    """The npm packages whose licences the built files in `openwebui_usage/web` bring along."""
    lists = sorted((root / "openwebui_usage" / "web").rglob("licences.txt"))
    if not lists:
        raise SystemExit("release: there are no licences in openwebui_usage/web: build the front end first")
    return {
        part.strip().partition("\n")[0] for file in lists for part in re.split(r"^-{80}$", file.read_text(), flags=re.M)
    }


def _bundled(root: Path) -> dict[str, dict[str, Any]]:
    """What package-lock.json says of each."""
    packages = json.loads((root / "frontend_patches" / "package-lock.json").read_text())["packages"]
    return {name: packages[f"node_modules/{name}"] for name in bundled_names(root)}


def _npm(name: str, package: dict[str, Any]) -> dict[str, Any]:
    purl = f"pkg:npm/{quote(name)}@{package['version']}"
    licence = package["license"]
    key = "expression" if re.search(r" (?:OR|AND) ", licence) else None
    return {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": package["version"],
        "licenses": [{"expression": licence}] if key else [{"license": {"id": licence}}],
        "purl": purl,
    }


def _pypi(requirement: str) -> dict[str, Any]:
    """A range has no version of its own: the one that runs is Open WebUI's."""
    match = re.fullmatch(r"([\w.-]+)(.*)", requirement)
    assert match, requirement
    purl = f"pkg:pypi/{match[1]}"
    return {
        "type": "library",
        "bom-ref": purl,
        "name": match[1],
        "scope": "required",
        "purl": purl,
        "properties": [{"name": "openwebui-usage:versions", "value": match[2]}],
    }


def write(root: Path, version: str, target: Path) -> None:
    """Write the bill as JSON, sorted, with a line's end at its end."""
    target.write_text(json.dumps(bill(root, version), indent=2, sort_keys=True, ensure_ascii=False) + "\n")
