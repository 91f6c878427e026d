"""The chart as helm and Kubernetes see it: each set of values, rendered, against the schemas of Kubernetes."""

import copy
import subprocess

import pytest

from tests.support.deploying.manifests import CHART, KUBERNETES, VALUES, of_kind, render, rendered
from tests.support.deploying.programs import programs
from tests.support.deploying.validation import problems_of

every_set = pytest.mark.parametrize("name", VALUES)


@every_set
def test_helm_finds_no_fault(name: str) -> None:
    command = [str(programs().helm), "lint", "--strict", str(CHART), "--values", str(VALUES[name])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@every_set
@pytest.mark.parametrize("version", ["1.30", KUBERNETES])
def test_kubernetes_accepts_every_manifest(name: str, version: str) -> None:
    assert problems_of(rendered(name), version) == []


def test_a_misspelled_field_is_a_fault() -> None:
    manifests = copy.deepcopy(of_kind(rendered("minimal"), "Deployment"))
    manifests[0]["spec"]["replica"] = 1
    assert len(problems_of(manifests, KUBERNETES)) == 1


def test_the_defaults_render_too() -> None:
    assert of_kind(render(None).manifests, "Deployment")


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ("tls.secret=", "behindProxy"),
        ("gateway.authzWorker=2", "authzWorker"),
        ("gateway.authzWorkers=0", "authzWorkers"),
        ("urls.model=https://ai.example/v1", "model"),
        ("gateway.settings.authz.MEGAROUTER_KEY_PEPPER=ab", "MEGAROUTER_KEY_PEPPER"),
        ("gateway.settings.usage.MEGAROUTER_USAGE_DATABASE_URL=x", "MEGAROUTER_USAGE_DATABASE_URL"),
        ("gateway.settings.authz.PATH=/tmp", "PATH"),
        ("image.services.digest=latest", "digest"),
        ("secrets.keys=Not a name", "keys"),
    ],
)
def test_a_value_that_cannot_be_used_is_named(setting: str, named: str) -> None:
    refused = render(None, setting)
    assert refused.status != 0
    assert named in refused.error


def test_a_digest_replaces_the_tag() -> None:
    digest = f"sha256:{'ab' * 32}"
    text = render(None, f"image.services.digest={digest}", "image.registry=registry.example/ai").text
    assert f"registry.example/ai/megarouter-services@{digest}" in text
    assert "megarouter-services:" not in text
