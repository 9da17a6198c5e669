"""`openwebui-usage doctor` of a server that runs, as an admin calls it there."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from tests.support.openwebui import OpenWebUI

MAY_WARN = ("prices", "errors")
"""Pipes have no price, and a busy machine is slow: of both the doctor may warn."""


def examine(server: OpenWebUI, model: str) -> dict[str, dict[str, Any]]:
    """All checks by their ids, among them a call of `model`. Fails unless everything is in order."""
    command = [server.host.prefix / "bin" / "openwebui-usage", "doctor", "--json", "--model", model]
    asked = ["--url", server.url, "--key", str(server.admin.token)]
    done = subprocess.run([*command, *asked], env=server.env, text=True, capture_output=True, check=False)
    assert done.stdout, done.stderr
    checks = {check["id"]: check for check in json.loads(done.stdout)["checks"]}
    assert {"autoload", "metering", "paths", "ledger", "functions", "script", "call"} <= checks.keys()
    assert [check for check in checks.values() if check["state"] != "ok" and check["id"] not in MAY_WARN] == []
    assert {check["state"] for check in checks.values()} <= {"ok", "warn"}
    assert done.returncode == 0
    return checks
