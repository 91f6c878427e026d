"""What runs in the pods of the chart: settings, secrets, rights, limits and probes."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from megarouter_envoy.binary import command
from megarouter_envoy.gateway.container import KNOWN
from pydantic import SecretStr

from deploy.local.stack.layout import REPOSITORY
from gateway_core.runtime.settings import PREFIX, SETTINGS_BY_SERVICE, ServiceSettings, load_settings
from gateway_core.schema.logins import OWNER_URL, SERVICE_URLS
from tests.support.deploying.manifests import (
    VALUES,
    Manifest,
    containers,
    leaves,
    of_kind,
    pods,
    rendered,
    runs_on,
    variables,
)

every_set = pytest.mark.parametrize("name", VALUES)
ENVOY_EXITS_AFTER_GRACE_S = 15
"""At the latest."""
ENVIRONMENTS_PROXY = frozenset({"SSL_CERT_FILE", "OTEL_EXPORTER_OTLP_ENDPOINT"})


def all_containers(name: str) -> Iterator[tuple[Manifest, Manifest]]:
    for pod in pods(rendered(name)):
        for container in containers(pod):
            yield pod, container


def service_of(container: Manifest) -> str | None:
    program = container["args"][0]
    return program.removesuffix("_service") if program.endswith("_service") else None


def secrets_of(settings: type[ServiceSettings]) -> set[str]:
    return {
        PREFIX + name.upper()
        for name, field in settings.model_fields.items()
        if SecretStr in (field.annotation, *getattr(field.annotation, "__args__", ()))
        or "SecretStr" in str(field.annotation)
    }


def example(name: str, value: object) -> str:
    """Returns the value, or something that a Secret could have."""
    if isinstance(value, str):
        return value
    if name.endswith("REDIS_URL"):
        return "redis://redis:6379/0"
    return "postgresql://user:password@db/megarouter" if name.endswith("_URL") else "ab" * 32


def shutdown_grace_s(container: Manifest) -> float:
    """Returns how long a service may take to stop. The services of a pod stop one after the other."""
    settings = SETTINGS_BY_SERVICE.get(service_of(container) or "")
    if settings is None:
        return 0.0
    default = settings.model_fields["shutdown_grace_ms"].default
    return int(variables(container).get("MEGAROUTER_SHUTDOWN_GRACE_MS", default)) / 1_000


@every_set
def test_every_process_starts_with_the_settings_that_it_gets(name: str) -> None:
    started = set()
    for _, container in all_containers(name):
        service = service_of(container)
        if service is None:
            continue
        environment = {key: example(key, value) for key, value in variables(container).items()}
        load_settings(SETTINGS_BY_SERVICE[service], environment)
        started.add(service)
    assert started >= SETTINGS_BY_SERVICE.keys() - {"token"}


def test_the_token_service_runs_beside_envoy_if_it_is_wanted() -> None:
    from tests.support.deploying.manifests import render  # noqa: PLC0415 - the only test that renders values of its own

    pod = pods(of_kind(render(None, "token.enabled=true").manifests, "Deployment"))[0]
    [token] = [one for one in containers(pod) if one["name"] == "token"]
    load_settings(SETTINGS_BY_SERVICE["token"], variables(token))
    writable = [mount for mount in token["volumeMounts"] if mount["mountPath"] == "/run/megarouter/envoy"]
    assert writable == [{"name": "envoy", "mountPath": "/run/megarouter/envoy"}]


@every_set
def test_the_configuration_of_envoy_is_made_from_variables_that_its_program_knows(name: str) -> None:
    [step] = [one for _, one in all_containers(name) if one["args"] == ["megarouter_envoy.gateway"]]
    assert set(variables(step)) - ENVIRONMENTS_PROXY <= KNOWN


@every_set
def test_the_migration_gets_every_url(name: str) -> None:
    [job] = of_kind(rendered(name), "Job")
    [migration] = containers(job["spec"]["template"])
    assert set(variables(migration)) - ENVIRONMENTS_PROXY == {OWNER_URL, *SERVICE_URLS.values()}
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"


@every_set
def test_secrets_come_from_secrets_and_are_in_no_manifest(name: str) -> None:
    assert not of_kind(rendered(name), "Secret")
    named = set().union(*map(secrets_of, SETTINGS_BY_SERVICE.values())) | {OWNER_URL, *SERVICE_URLS.values()}
    for _, container in all_containers(name):
        given = {key: value for key, value in variables(container).items() if key in named}
        assert all("secretKeyRef" in value for value in given.values()), container["name"]
    text = "\n".join(leaves(rendered(name)))
    assert not re.search(r"[0-9a-fA-F]{64}|sk-[A-Za-z0-9]{8}|postgresql://[^/ ]*@|rediss?://|BEGIN ", text)


@every_set
def test_no_container_is_root_or_writes_to_its_root(name: str) -> None:
    for pod, container in all_containers(name):
        security = container["securityContext"]
        assert security["readOnlyRootFilesystem"]
        assert not security["allowPrivilegeEscalation"]
        assert security["capabilities"] == {"drop": ["ALL"]}
        of_pod = pod["spec"]["securityContext"]
        assert of_pod["runAsNonRoot"]
        assert of_pod["runAsUser"] == 65532
        assert of_pod["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["spec"]["automountServiceAccountToken"] is False


@every_set
def test_every_container_has_requests_and_a_limit_of_memory(name: str) -> None:
    for _, container in all_containers(name):
        assert container["resources"]["requests"].keys() >= {"cpu", "memory"}, container["name"]
        assert "memory" in container["resources"]["limits"], container["name"]


@every_set
def test_everything_that_runs_on_is_probed(name: str) -> None:
    for pod, container in all_containers(name):
        if runs_on(pod, container):
            assert {"startupProbe", "livenessProbe"} <= container.keys(), container["name"]


@every_set
def test_a_pod_is_ready_when_it_decides_calls_even_while_its_books_wait(name: str) -> None:
    """A database that is away must not take the pod's answers away too."""
    gateway = next(pod for pod in pods(rendered(name)) if len(containers(pod)) > 2)
    asked = {one["name"] for one in containers(gateway) if "readinessProbe" in one}
    assert asked == {"envoy", "authz"}


@every_set
def test_services_start_before_envoy_and_stop_after_it_the_books_last(name: str) -> None:
    gateway = next(pod for pod in pods(rendered(name)) if len(containers(pod)) > 2)
    sidecars = [one["name"] for one in gateway["spec"]["initContainers"] if one.get("restartPolicy") == "Always"]
    assert sidecars[0] == "usage"
    assert {"authz", "ratelimit", "admin"} <= set(sidecars)
    assert [one["name"] for one in gateway["spec"]["containers"]] == ["envoy"]


@every_set
def test_a_stopping_pod_has_time_to_drain_and_to_settle(name: str) -> None:
    gateway = next(pod for pod in pods(rendered(name)) if len(containers(pod)) > 2)
    [step] = [one for one in containers(gateway) if one["name"] == "configuration"]
    [envoy] = gateway["spec"]["containers"]
    pause_s = int(envoy["lifecycle"]["preStop"]["exec"]["command"][-1])
    drain_s = int(variables(step)["MEGAROUTER_DRAIN_GRACE_S"]) + ENVOY_EXITS_AFTER_GRACE_S
    settle_s = sum(map(shutdown_grace_s, containers(gateway)))
    assert gateway["spec"]["terminationGracePeriodSeconds"] >= pause_s + drain_s + settle_s


@every_set
def test_usage_service_reads_the_journal_that_envoy_writes(name: str) -> None:
    gateway = next(pod for pod in pods(rendered(name)) if len(containers(pod)) > 2)
    mounts = {one["name"]: {mount["name"]: mount for mount in one["volumeMounts"]} for one in containers(gateway)}
    assert mounts["envoy"]["journal"] == mounts["usage"]["journal"]
    assert not [
        name for name, of_container in mounts.items() if "journal" in of_container and name not in {"envoy", "usage"}
    ]


@every_set
def test_every_mounted_volume_exists(name: str) -> None:
    for workload in of_kind(rendered(name), "Deployment", "StatefulSet", "Job"):
        pod = workload["spec"]["template"]
        claimed = {claim["metadata"]["name"] for claim in workload["spec"].get("volumeClaimTemplates", [])}
        volumes = {volume["name"] for volume in pod["spec"].get("volumes", [])} | claimed
        mounted = {mount["name"] for one in containers(pod) for mount in one.get("volumeMounts", [])}
        assert mounted == volumes, workload["metadata"]["name"]


def _arguments_of_the_image() -> list[str]:
    text = (REPOSITORY / "deploy" / "images" / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", "")
    envoy = text[text.index(" AS envoy\n") :]
    arguments: list[Any] = json.loads(envoy[envoy.index("CMD [") + 4 : envoy.index("]", envoy.index("CMD [")) + 1])
    return [str(argument) for argument in arguments]


def test_the_image_runs_envoy_as_the_runner_does() -> None:
    bootstrap = Path("/run/megarouter/envoy/bootstrap.json")
    assert _arguments_of_the_image() == command(Path("envoy"), bootstrap, workers=2)[1:]


@every_set
def test_the_chart_runs_envoy_as_the_image_does(name: str) -> None:
    [envoy] = [one for _, one in all_containers(name) if one["name"] == "envoy"]
    assert envoy["args"] == _arguments_of_the_image()
