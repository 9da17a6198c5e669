"""A real Prometheus scrapes Open WebUI with the configuration of deploy/, loads its alerts, and answers the board."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.support.clients import Client
from tests.support.host import ROOT
from tests.support.process import Process, free_port, wait_until

DEPLOY = ROOT / "deploy"
BOARD = json.loads((DEPLOY / "grafana-dashboard.json").read_text())
EXPRESSIONS = [target["expr"] for panel in BOARD["panels"] for target in panel.get("targets", ())]
VARIABLES = {"$model": ".*", "$__rate_interval": "1m", "$__range": "5m"}


class Prometheus:
    """One that runs."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, trust_env=False)

    def get(self, path: str, **query: str) -> Any:
        answer = self._http.get(f"/api/v1/{path}", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def query(self, expression: str) -> list[dict[str, Any]]:
        for variable, value in VARIABLES.items():
            expression = expression.replace(variable, value)
        found: list[dict[str, Any]] = self.get("query", query=expression)["result"]
        return found

    def is_ready(self) -> bool:
        try:
            return self._http.get("/-/ready").status_code == 200
        except httpx.TransportError:
            return False

    def is_up(self) -> bool:
        targets = self.get("targets")["activeTargets"]
        return [target["health"] for target in targets] == ["up"]


@contextmanager
def running(folder: Path, url: str, token: str, log: Path) -> Iterator[Prometheus]:
    """The configuration of deploy/, with another address, and quicker."""
    config = yaml.safe_load((DEPLOY / "prometheus.yaml").read_text())
    [scrape] = config["scrape_configs"]
    scrape["static_configs"][0]["targets"] = [url.removeprefix("http://")]
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(config))
    (folder / scrape["authorization"]["credentials_file"]).write_text(token)
    shutil.copy(DEPLOY / "prometheus-alerts.yaml", folder)
    address = f"127.0.0.1:{free_port()}"
    options = ["--config.file=prometheus.yaml", f"--storage.tsdb.path={folder}/data", f"--web.listen-address={address}"]
    process = Process(["prometheus", *options], env={"PATH": "/usr/bin"}, cwd=folder, log=log)
    prometheus = Prometheus(f"http://{address}")
    try:
        wait_until(prometheus.is_ready, timeout=60, what="Prometheus is ready", every=0.2, details=process.log_tail)
        yield prometheus
    finally:
        process.stop()


def test_prometheus_takes_the_alerts_and_the_configuration(tmp_path: Path) -> None:
    for name in ("prometheus.yaml", "prometheus-alerts.yaml"):
        shutil.copy(DEPLOY / name, tmp_path)
    (tmp_path / "openwebui-usage-token").write_text("secret")
    done = subprocess.run(
        ["promtool", "check", "config", tmp_path / "prometheus.yaml"], text=True, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "rules found" in done.stdout


@pytest.mark.usefixtures("provider")
def test_the_board_and_the_alerts_have_data(admin: Client, tmp_path: Path, new_log: Callable[[str], Path]) -> None:
    admin.forget_definitions()
    admin.add_group("refusing", ["gpt-4o"], 0, period="day")
    try:
        refused = admin.post(
            "/api/chat/completions", json={"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}]}
        )
        assert refused.status_code == 429
        admin.stream("o3-mini")
        with running(tmp_path, admin.url, str(admin.token), new_log("prometheus")) as prometheus:
            check(prometheus)
    finally:
        admin.forget_definitions()


def check(prometheus: Prometheus) -> None:
    """Everything that deploy/ asks of Prometheus."""
    wait_until(prometheus.is_up, timeout=30, what="the scrape works", every=0.5)
    # Histograms are made a minute after the start.
    wait_until(
        lambda: all(map(prometheus.query, EXPRESSIONS)),
        timeout=120,
        what="the board has data",
        every=2,
        details=lambda: "\n".join(each for each in EXPRESSIONS if not prometheus.query(each)),
    )
    [group] = prometheus.get("rules")["groups"]
    assert {rule["health"] for rule in group["rules"]} == {"ok"}
    assert not prometheus.query("ALERTS{severity='critical', alertstate='firing'}")
    told = {metric for metric in prometheus.get("label/__name__/values") if metric.startswith("openwebui_usage_")}
    asked = " ".join(EXPRESSIONS) + (DEPLOY / "prometheus-alerts.yaml").read_text()
    named = set(re.findall(r"openwebui_usage_\w+", asked))
    assert named - told <= {"openwebui_usage_redis_up"}, "a board or an alert names what nobody tells"
