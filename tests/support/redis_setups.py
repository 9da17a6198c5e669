"""Redis as people run it: with TLS and a password, watched by Sentinel, as a cluster of three nodes."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.process import Process, free_port, wait_until

PASSWORD = "not everybody's"
_QUOTED = "not%20everybody%27s"
_SERVICE = "mymaster"


@dataclass
class Setup:
    """One way to run Redis, as Open WebUI's settings name it."""

    url: str
    """REDIS_URL."""
    sentinels: list[tuple[str, int]] = field(default_factory=list)
    """REDIS_SENTINEL_HOSTS, with their port."""
    cluster: bool = False
    """REDIS_CLUSTER."""
    processes: list[Process] = field(default_factory=list)

    def stop(self) -> None:
        for process in self.processes:
            process.kill()


def with_tls(folder: Path, log: Path) -> Setup:
    """Speaks TLS alone, and asks for a password."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    made = ["-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-days", "2"]
    named = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(["openssl", "req", "-x509", *made, *named], check=True, capture_output=True)
    port = free_port()
    files = {"tls-port": port, "tls-cert-file": certificate, "tls-key-file": key, "tls-ca-cert-file": certificate}
    server = _server(folder, log, 0, {**files, "tls-auth-clients": "no", "requirepass": PASSWORD})
    over_tls = ["--tls", "--cacert", str(certificate), "-a", PASSWORD]
    wait_until(
        lambda: _says(port, *over_tls, "ping") == "PONG", timeout=30, what="Redis answers", details=server.log_tail
    )
    return Setup(f"rediss://:{_QUOTED}@127.0.0.1:{port}/0?ssl_ca_certs={certificate}", processes=[server])


def with_sentinel(folder: Path, log: Path) -> Setup:
    """A master, a replica, and one sentinel, which makes the replica master half a second after the master is gone."""
    ports = [free_port(), free_port()]
    servers = [_server(folder, log, port, {}) for port in ports]
    for port, server in zip(ports, servers, strict=True):
        _wait(port, server)
    _says(ports[1], "replicaof", "127.0.0.1", str(ports[0]))
    wait_until(lambda: "master_link_status:up" in _says(ports[1], "info", "replication"), timeout=30, what="a replica")
    port = free_port()
    settings = folder / "sentinel.conf"
    settings.write_text(
        f"port {port}\nbind 127.0.0.1\nsentinel monitor {_SERVICE} 127.0.0.1 {ports[0]} 1\n"
        f"sentinel down-after-milliseconds {_SERVICE} 500\nsentinel failover-timeout {_SERVICE} 5000\n"
    )
    sentinel = _process([str(settings), "--sentinel"], folder, log)
    wait_until(
        lambda: "slaves=1" in _says(port, "info", "sentinel"),
        timeout=30,
        what="the sentinel knows the replica",
        details=sentinel.log_tail,
    )
    return Setup(f"redis://{_SERVICE}:{port}/0", sentinels=[("127.0.0.1", port)], processes=[*servers, sentinel])


def as_cluster(folder: Path, log: Path) -> Setup:
    """Three nodes, which share the slots."""
    ports = [free_port() for _ in range(3)]
    servers = []
    for port in ports:
        own = {"cluster-enabled": "yes", "cluster-config-file": f"nodes-{port}.conf", "cluster-node-timeout": 5000}
        servers.append(_server(folder, log, port, own))
    for port, server in zip(ports, servers, strict=True):
        _wait(port, server)
    nodes = [f"127.0.0.1:{port}" for port in ports]
    subprocess.run(
        ["redis-cli", "--cluster", "create", *nodes, "--cluster-yes"], check=True, capture_output=True, timeout=60
    )
    wait_until(
        lambda: all("cluster_state:ok" in _says(port, "cluster", "info") for port in ports),
        timeout=30,
        what="all nodes agree",
    )
    return Setup(f"redis://127.0.0.1:{ports[0]}/0", cluster=True, processes=servers)


SETUPS: dict[str, Callable[[Path, Path], Setup]] = {
    "TLS and a password": with_tls,
    "Sentinel": with_sentinel,
    "cluster": as_cluster,
}


def _server(folder: Path, log: Path, port: int, settings: dict[str, object]) -> Process:
    everywhere = {"port": port, "bind": "127.0.0.1", "save": "", "appendonly": "no", "dir": folder}
    options = [part for name, value in {**everywhere, **settings}.items() for part in (f"--{name}", str(value))]
    return _process(options, folder, log)


def _process(arguments: list[str], folder: Path, log: Path) -> Process:
    return Process(["redis-server", *arguments], env={"PATH": os.environ["PATH"]}, cwd=folder, log=log)


def _wait(port: int, server: Process) -> None:
    wait_until(lambda: _says(port, "ping") == "PONG", timeout=30, what="Redis answers", details=server.log_tail)


def _says(port: int, *command: str) -> str:
    done = subprocess.run(["redis-cli", "-p", str(port), *command], capture_output=True, text=True, check=False)
    return done.stdout.strip()
