"""Manifests that the chart renders, and the parts of them that tests look at."""

import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

from deploy.local.stack.layout import REPOSITORY
from tests.support.deploying.programs import programs

CHART: Final = REPOSITORY / "deploy" / "helm" / "megarouter"
VALUES: Final = {file.stem: file for file in sorted((REPOSITORY / "deploy" / "helm" / "values").glob("*.yaml"))}
"""The sets of values that ship with the chart, by name."""
RELEASE: Final = "megarouter"
KUBERNETES: Final = "1.36"
Manifest = dict[str, Any]


@dataclass(frozen=True)
class Rendering:
    """What helm said, and what it rendered."""

    status: int
    error: str
    text: str

    @property
    def manifests(self) -> list[Manifest]:
        """The rendered manifests."""
        assert self.status == 0, self.error
        return [one for one in yaml.safe_load_all(self.text) if one]


def render(values: Path | None, *settings: str) -> Rendering:
    """Renders the chart with a file of values and with `--set` values."""
    chosen = ["--values", str(values)] if values else []
    sets = [part for setting in settings for part in ("--set", setting)]
    command = [
        str(programs().helm),
        "template",
        RELEASE,
        str(CHART),
        "--kube-version",
        f"{KUBERNETES}.0",
        *chosen,
        *sets,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return Rendering(done.returncode, done.stderr, done.stdout)


@cache
def rendered(name: str) -> list[Manifest]:
    """Returns the manifests of a set of values."""
    return render(VALUES[name]).manifests


def of_kind(manifests: list[Manifest], *kinds: str) -> list[Manifest]:
    """Returns the manifests of these kinds."""
    return [manifest for manifest in manifests if manifest["kind"] in kinds]


def pods(manifests: list[Manifest]) -> list[Manifest]:
    """Returns the pod template of each workload."""
    return [one["spec"]["template"] for one in of_kind(manifests, "Deployment", "StatefulSet", "Job")]


def containers(pod: Manifest) -> list[Manifest]:
    """Returns all containers of a pod, those that begin before the others first."""
    return [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]


def runs_on(pod: Manifest, container: Manifest) -> bool:
    """Returns whether the container runs as long as its pod: no step before, and no job."""
    is_step = container in pod["spec"].get("initContainers", []) and container.get("restartPolicy") != "Always"
    return not is_step and pod["spec"].get("restartPolicy") != "Never"


def variables(container: Manifest) -> dict[str, Any]:
    """Returns the environment of a container: values, or references to Secrets."""
    return {one["name"]: one.get("value", one.get("valueFrom")) for one in container.get("env", [])}


def leaves(value: object) -> Iterator[str]:
    """Returns every text in a manifest."""
    if isinstance(value, Mapping):
        for one in value.values():
            yield from leaves(one)
    elif isinstance(value, list):
        for one in value:
            yield from leaves(one)
    elif isinstance(value, str):
        yield value
