"""The files that a fleet is made of: no container engine runs here, so they are read as their tools would read them."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from runner.cli.parser import run_command
from runner.settings_report import describe_settings

ROOT = Path(__file__).parents[2]
KUBERNETES = ROOT / "deploy" / "kubernetes"
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")

KNOWN = {setting.variable for setting in describe_settings({}, ROOT / "nowhere")}

Manifest = dict[str, Any]


def manifests() -> Iterator[tuple[str, Manifest]]:
    for path in sorted(KUBERNETES.glob("*.yaml")):
        for document in yaml.safe_load_all(path.read_text("utf-8")):
            yield path.name, document


def pods() -> list[Manifest]:
    return [
        manifest["spec"]["template"]["spec"]
        for _, manifest in manifests()
        if manifest["kind"] in {"Deployment", "Job"}
    ]


def variables_of(container: Manifest) -> set[str]:
    """Give the names of what a container has in its environment."""
    names = {entry["name"] for entry in container.get("env", ())}
    for source in container.get("envFrom", ()):
        kind = "ConfigMap" if "configMapRef" in source else "Secret"
        held = next(manifest for _, manifest in manifests() if manifest["kind"] == kind)
        names |= {**held.get("data", {}), **held.get("stringData", {})}.keys()
    return names


@pytest.mark.parametrize(
    ("name", "manifest"),
    [pytest.param(*found, id=f"{found[0]}-{found[1]['kind']}") for found in manifests()],
)
def test_each_manifest_is_what_kubernetes_accepts(name: str, manifest: Manifest) -> None:
    """Unknown fields and wrong types are found before a cluster finds them."""
    if manifest["kind"] != "Kustomization":
        kubernetes_validate.validate(manifest, kubernetes_validate.latest_version(), strict=True)


def test_kustomization_applies_every_file_but_the_example() -> None:
    """A file that nobody applies is no part of a fleet."""
    listed = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text("utf-8"))["resources"]
    there = {path.name for path in KUBERNETES.glob("*.yaml")}
    assert set(listed) == there - {"kustomization.yaml", "secret.example.yaml"}


@pytest.mark.parametrize("pod", pods())
def test_pods_ask_for_nothing_that_they_do_not_need(pod: Manifest) -> None:
    """Tenants' code runs in them: no root, no privileges, no token of the cluster, a root that can not be written."""
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in pod["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["limits"]["memory"]
        assert container["resources"]["requests"].keys() == {"cpu", "memory"}


def test_every_variable_of_the_manifests_is_one_that_isolane_reads() -> None:
    """A misspelt setting would be ignored without a word."""
    for pod in pods():
        for container in pod["containers"]:
            assert variables_of(container) <= KNOWN


def test_every_variable_of_compose_is_one_that_isolane_reads() -> None:
    ours = [service for service in COMPOSE["services"].values() if service["image"] == "isolane"]
    assert len(ours) == 3
    for service in ours:
        assert service["environment"].keys() <= KNOWN


def test_every_command_of_the_fleet_is_one_that_isolane_has() -> None:
    commands = [
        service["command"]
        for service in COMPOSE["services"].values()
        if service["image"] == "isolane"
    ]
    commands += [container["args"] for pod in pods() for container in pod["containers"]]
    for command in commands:
        with pytest.raises(SystemExit) as ended:
            run_command([*command, "--help"])
        assert ended.value.code == 0


def test_a_runner_gets_longer_to_end_than_it_takes_to_drain() -> None:
    """What kills it earlier cuts requests off."""
    settings = next(manifest for _, manifest in manifests() if manifest["kind"] == "ConfigMap")
    drain_s = int(settings["data"]["DRAIN_TIMEOUT_MS"]) / 1000
    runner = next(pod for pod in pods() if pod["containers"][0]["name"] == "runner")
    assert runner["terminationGracePeriodSeconds"] > drain_s + 5
    assert int(COMPOSE["services"]["runner"]["stop_grace_period"].removesuffix("s")) > 30 + 5


def test_services_of_compose_wait_for_what_is_there() -> None:
    services = COMPOSE["services"]
    for service in services.values():
        for other, how in service.get("depends_on", {}).items():
            assert other in services
            if how["condition"] == "service_healthy":
                assert "healthcheck" in services[other]
    assert services["runner"]["deploy"]["replicas"] == "${RUNNERS:-3}"


def test_no_image_moves_under_the_same_name() -> None:
    """What was tested is what runs: every image of others has a version."""
    images = [service["image"] for service in COMPOSE["services"].values()]
    images += re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    for image in set(images) - {"isolane"}:
        _, colon, tag = image.partition(":")
        assert colon
        assert tag != "latest"


def test_the_image_runs_as_a_number_that_is_not_root() -> None:
    """Whoever reads the image's user can tell, and files of the build belong to somebody else."""
    last_stage = DOCKERFILE[DOCKERFILE.rindex("\nFROM ") :]
    assert re.findall(r"^USER (.+)$", last_stage, re.MULTILINE) == ["65532:65532"]
    assert last_stage.index("USER") < last_stage.index("ENTRYPOINT")


def test_what_the_image_copies_is_not_ignored() -> None:
    """The build has all it needs, and nothing that git does not have."""
    kept = [
        line.removeprefix("!")
        for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines()
        if line.startswith("!")
    ]
    assert {"pyproject.toml", "runner", "pools", "snapshot", "migrations", ".ci/*.lock"} <= set(
        kept
    )
