"""The files of deploy/ fit together, as far as that shows on a machine without Docker and Kubernetes."""

from __future__ import annotations

import re
from typing import Any

import yaml

from tests.support.host import ROOT

DEPLOY = ROOT / "deploy"
COMPOSE = (DEPLOY / "compose.yaml").read_text()
OBJECTS: list[dict[str, Any]] = list(yaml.safe_load_all((DEPLOY / "kubernetes" / "open-webui.yaml").read_text()))


def the(kind: str) -> dict[str, Any]:
    [found] = [item for item in OBJECTS if item["kind"] == kind]
    return found


def test_the_image_is_of_the_version_that_the_tests_run_against() -> None:
    [tested] = re.findall(
        r"^OPEN_WEBUI_VERSION=\$\{OPEN_WEBUI_VERSION:-(.+)\}$", (ROOT / "tests/run").read_text(), re.M
    )
    assert f"ARG OPEN_WEBUI=v{tested}\n" in (DEPLOY / "Dockerfile").read_text()


def test_what_compose_demands_is_in_the_example_of_its_environment() -> None:
    demanded = set(re.findall(r"\$\{(\w+):\?", COMPOSE))
    offered = set(re.findall(r"^(\w+)=", (DEPLOY / "env.example").read_text(), re.MULTILINE))
    used = set(re.findall(r"\$\{(\w+):", COMPOSE))
    assert demanded <= offered <= used


def test_services_of_compose_know_one_another() -> None:
    compose = yaml.safe_load(COMPOSE)
    services = compose["services"]
    for service in services.values():
        for other, condition in service.get("depends_on", {}).items():
            assert condition == {"condition": "service_healthy"}
            assert "healthcheck" in services[other]
        for volume in service.get("volumes", []):
            assert volume.partition(":")[0] in compose["volumes"]
    named = re.findall(r"(?:@|redis://)(\w+):\d+", COMPOSE)
    assert set(named) == {"postgres", "redis"}
    assert (DEPLOY / services["open-webui"]["build"]["context"]).resolve() == ROOT
    assert (ROOT / services["open-webui"]["build"]["dockerfile"]).exists()


def test_the_volume_with_the_plugin_is_filled_before_it_is_used() -> None:
    compose = yaml.safe_load((DEPLOY / "compose.mounted.yaml").read_text())
    installer, server = compose["services"]["plugin"], compose["services"]["open-webui"]
    assert server["depends_on"] == {"plugin": {"condition": "service_completed_successfully"}}
    assert installer["image"] == server["image"], "packages for one Python are not seen by another"
    [version] = re.findall(r":-(v[\d.]+)}$", installer["image"])
    assert f"ARG OPEN_WEBUI={version}\n" in (DEPLOY / "Dockerfile").read_text()
    place = installer["environment"]["PYTHONUSERBASE"]
    assert place == server["environment"]["PYTHONUSERBASE"]
    assert f"plugin:{place}" in installer["volumes"]
    assert f"plugin:{place}:ro" in server["volumes"]
    assert {"plugin", "data"} == compose["volumes"].keys()
    assert "--user" in installer["command"]


def test_pods_outlive_what_they_wait_for() -> None:
    spec = the("StatefulSet")["spec"]
    assert spec["replicas"] >= 2
    assert spec["template"]["spec"]["terminationGracePeriodSeconds"] >= 60
    [container] = spec["template"]["spec"]["containers"]
    probes = [container[name] for name in ("startupProbe", "readinessProbe")]
    assert {probe["httpGet"]["path"] for probe in probes} == {"/health"}
    startup = container["startupProbe"]
    assert startup["periodSeconds"] * startup["failureThreshold"] >= 300, "Open WebUI migrates at its first start"
    assert "livenessProbe" not in container, "a database that is away is no reason to end answers that are under way"
    assert the("PersistentVolumeClaim")["spec"]["accessModes"] == ["ReadWriteMany"]
    [spool] = spec["volumeClaimTemplates"]
    assert spool["spec"]["accessModes"] == ["ReadWriteOnce"], "each pod replays its own"
    secret = container["envFrom"][0]["secretRef"]["name"]
    commands = (ROOT / "docs" / "installing.md").read_text()
    assert f"kubectl create secret generic {secret} " in commands
    for name in ("DATABASE_URL", "REDIS_URL", "WEBSOCKET_REDIS_URL", "WEBUI_SECRET_KEY"):
        assert f"--from-literal={name}=" in commands


def test_names_in_the_kubernetes_manifests_lead_somewhere() -> None:
    workload, service, claim = the("StatefulSet"), the("Service"), the("PersistentVolumeClaim")
    template = workload["spec"]["template"]
    labels = template["metadata"]["labels"]
    assert workload["spec"]["selector"]["matchLabels"] == service["spec"]["selector"] == labels
    assert workload["spec"]["serviceName"] == service["metadata"]["name"]
    [container] = template["spec"]["containers"]
    claims = [item["metadata"]["name"] for item in workload["spec"]["volumeClaimTemplates"]]
    volumes = [item["name"] for item in template["spec"]["volumes"]]
    assert {mount["name"] for mount in container["volumeMounts"]} == {*claims, *volumes}
    assert template["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
    ports = {port["name"] for port in container["ports"]}
    assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports
    assert {container[probe]["httpGet"]["port"] for probe in ("startupProbe", "readinessProbe")} <= ports
    spool = next(item["value"] for item in container["env"] if item["name"] == "OPENWEBUI_USAGE_SPOOL_DIR")
    assert {"name": "spool", "mountPath": spool} in container["volumeMounts"]
