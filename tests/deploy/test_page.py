"""The page about Kubernetes, followed by a reader who has nothing else: its commands run, and make what pods need."""

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from pydantic import TypeAdapter

from gateway_core.runtime.settings import HexKey
from tests.support.deploying import page
from tests.support.deploying.manifests import CHART, VALUES, Manifest, containers, of_kind, pods, render, rendered
from tests.support.deploying.programs import programs
from tests.support.signing_files import signing_files_in

every_set = pytest.mark.parametrize("name", VALUES)
REGION = "megarouter-eu-"
"""Begins the names of a region's own Secrets, which are made as those of the page."""
KEYS = ("hold-signing-key", "key-pepper", "edge-secret", "channel-key", "credential-key")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a reader who has run the commands that write secrets."""
    made = tmp_path_factory.mktemp("secrets")
    assert page.write_files(made) == ""
    return made


@pytest.fixture(scope="module")
def made(folder: Path) -> dict[tuple[str, str], set[str]]:
    """What the page's commands create: the keys of each Secret and ConfigMap."""
    for command in page.creations():
        for option in ("cert", "key"):
            for file in re.findall(rf"--{option}=(\S+)", command):
                files = signing_files_in(folder)
                shutil.copy(files.certificates, folder / file.replace(".key", ".crt"))
                shutil.copy(files.key, folder / file.replace(".crt", ".key"))
    manifests = [page.created(folder, command) for command in page.creations()]
    return {(one["kind"], one["metadata"]["name"]): set(one["data"]) for one in manifests}


def wanted(manifests: list[Manifest]) -> Iterator[tuple[str, str, str | None]]:
    """Yields the kind, the name and the key of everything without which a pod does not start."""
    for pod in pods(manifests):
        for volume in pod["spec"].get("volumes", []):
            if "secret" in volume:
                secret = volume["secret"]
                for item in secret.get("items", [{"key": None}]):
                    yield "Secret", secret["secretName"], item["key"]
            if "configMap" in volume:
                yield "ConfigMap", volume["configMap"]["name"], None
        for container in containers(pod):
            for variable in container.get("env", []):
                reference = variable.get("valueFrom", {}).get("secretKeyRef")
                if reference and not reference.get("optional"):
                    yield "Secret", reference["name"], reference["key"]


@every_set
def test_the_page_creates_every_secret_and_config_map_that_a_pod_needs(
    name: str, made: dict[tuple[str, str], set[str]]
) -> None:
    for kind, of_pod, key in wanted(rendered(name)):
        found = made.get((kind, of_pod.replace(REGION, "megarouter-")))
        assert found is not None, f"{kind} {of_pod}"
        assert key is None or key in found, f"{kind} {of_pod}: {key}"


def test_the_files_that_pods_read_are_keys_of_what_the_page_creates(made: dict[tuple[str, str], set[str]]) -> None:
    for name in VALUES:
        for pod in pods(rendered(name)):
            sources: dict[str, Any] = {one["name"]: one for one in pod["spec"].get("volumes", [])}
            for container in containers(pod):
                paths = [
                    value for one in container.get("env", []) if (value := one.get("value", "")).startswith("/etc/")
                ]
                for mount in container.get("volumeMounts", []):
                    source = sources.get(mount["name"], {})
                    of = ("Secret", source["secret"]["secretName"]) if "secret" in source else None
                    of = ("ConfigMap", source["configMap"]["name"]) if "configMap" in source else of
                    read = {Path(path).name for path in paths if str(Path(path).parent) == mount["mountPath"]}
                    if of is not None and read:
                        assert read <= made[of[0], of[1].replace(REGION, "megarouter-")] | {"edge-secret"}, container[
                            "name"
                        ]


def test_the_secrets_that_the_page_writes_are_usable(folder: Path, made: dict[tuple[str, str], set[str]]) -> None:
    assert made["Secret", "megarouter-keys"] == set(KEYS)
    for name in KEYS:
        TypeAdapter(HexKey).validate_python((folder / name).read_text(encoding="utf-8"))
    (folder / "broken-key").write_text("ends with a line break\n", encoding="utf-8")
    [check] = [line for line in page.shell_lines("for") if "line break" in line]
    said = subprocess.run(["sh", "-c", check], cwd=folder, capture_output=True, text=True, check=True).stdout
    (folder / "broken-key").unlink()
    assert "broken-key ends with a line break" in said


async def test_the_database_urls_of_the_page_name_the_authorities_that_they_are_checked_by(folder: Path) -> None:
    """Without `sslrootcert`, the driver looks for a file in the home of its user, which a container does not have."""
    for name in ("owner-url", "authz-url"):
        url = (folder / name).read_text(encoding="utf-8")
        assert "sslmode=verify-full" in url
        here = url.replace("db.acme.example:5432", "127.0.0.1:1")
        with pytest.raises(OSError):  # noqa: PT011 - nothing listens there; a bad parameter is another error
            await asyncpg.connect(here, timeout=5)


def test_every_helm_command_of_the_page_renders(tmp_path: Path) -> None:
    shutil.copy(VALUES["production"], tmp_path / "my-values.yaml")
    commands = page.shell_lines("helm")
    assert len(commands) >= 3
    for command in commands:
        words = shlex.split(command.partition(" > ")[0])
        assert words[3] == "deploy/helm/megarouter" or words[4] == "deploy/helm/megarouter"
        arguments = [str(CHART) if word == "deploy/helm/megarouter" else word for word in words[1:]]
        if arguments[0] != "template":
            arguments = ["template", *(word for word in arguments[1:] if word != "--install")]
        done = subprocess.run(
            [str(programs().helm), *arguments, "--kube-version", "1.30.0"],
            cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, (command, done.stderr)
        assert "kind:" in done.stdout


def test_every_workload_service_and_container_that_the_page_names_exists() -> None:
    manifests = [one for name in VALUES for one in rendered(name)]
    tools = render(None, "tools.enabled=true").manifests
    names = {(one["kind"].lower(), one["metadata"]["name"]) for one in [*manifests, *tools]}
    of_pods = {one["name"] for pod in pods(manifests) for one in containers(pod)}
    commands = page.shell_lines("kubectl")
    assert commands
    for command in commands:
        for kind, name in re.findall(r"\b(deployment|statefulset|service|pod|job)/(\S+)", command):
            assert (kind, name) in names, command
        for name in re.findall(r"--container (\S+)", command):
            assert name in of_pods, command
    assert ("horizontalpodautoscaler", "megarouter-gateway") in names


def test_the_pod_of_the_owners_commands_is_no_part_of_a_release_and_ends_by_itself() -> None:
    assert not of_kind(render(VALUES["production"]).manifests, "Pod")
    manifests = render(VALUES["external-databases"], "tools.enabled=true").manifests
    [pod] = of_kind(manifests, "Pod")
    assert pod["spec"]["activeDeadlineSeconds"] <= 14_400
    assert pod["metadata"]["labels"]["app.kubernetes.io/component"] == "tools"
    [service] = [one for one in of_kind(manifests, "Service") if one["metadata"]["name"] == "megarouter-model"]
    assert not service["spec"]["selector"].items() <= pod["metadata"]["labels"].items()
    volumes = {volume["name"] for volume in pod["spec"]["volumes"]}
    assert {mount["name"] for mount in pod["spec"]["containers"][0]["volumeMounts"]} == volumes


def test_a_variable_that_the_chart_sets_is_refused_as_a_setting() -> None:
    """Kubernetes refuses a list with the same name twice."""
    for setting in (
        "gateway.settings.usage.MEGAROUTER_SHUTDOWN_GRACE_MS=1",
        "notification.settings.MEGAROUTER_LISTEN=x",
    ):
        refused = render(None, setting)
        assert refused.status != 0
        assert "the chart sets" in refused.error


@pytest.mark.parametrize("name", ["production", "network-policies", "external-databases", "redis-cluster"])
def test_the_policy_of_the_migration_exists_before_its_job(name: str) -> None:
    """A namespace may deny everything by default."""
    policies = of_kind(rendered(name), "NetworkPolicy")
    assert len(policies) == 3
    for policy in policies:
        notes = policy["metadata"].get("annotations", {})
        if policy["metadata"]["name"] == "megarouter-migration":
            assert notes["helm.sh/hook"] == "pre-install,pre-upgrade"
            assert int(notes["helm.sh/hook-weight"]) < 0
        else:
            assert "helm.sh/hook" not in notes


def test_nothing_is_reached_over_ipv6_unless_private_addresses_of_it_are_excepted() -> None:
    def reached(*settings: str) -> set[str]:
        policies = of_kind(render(None, "networkPolicy.enabled=true", *settings).manifests, "NetworkPolicy")
        return set(re.findall(r"'cidr': '([^']+)'", str(policies)))

    assert reached() == {"0.0.0.0/0", "::/0"}
    assert reached("networkPolicy.internet.except={10.0.0.0/8}") == {"0.0.0.0/0"}
