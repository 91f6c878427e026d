"""Checks manifests against the schemas of Kubernetes."""

import json
import subprocess
import sys
from typing import Any, Final

from tests.support.deploying.programs import programs

OF_OTHERS: Final = frozenset({"ServiceMonitor", "PrometheusRule", "HTTPRoute"})
"""Kinds that an operator or the Gateway API defines, for which Kubernetes has no schema."""
_PROGRAM: Final = """
import json, sys
import kubernetes_validate
problems = []
for manifest in json.load(sys.stdin):
    try:
        kubernetes_validate.validate(manifest, sys.argv[1], strict=True)
    except kubernetes_validate.ValidationError as error:
        problems.append(f"{manifest['kind']} {manifest['metadata']['name']}: {error}")
json.dump(problems, sys.stdout)
"""


def problems_of(manifests: list[dict[str, Any]], version: str) -> list[str]:
    """Returns what is wrong with manifests for a version of Kubernetes, such as `1.36`. Unknown fields are wrong."""
    known = [manifest for manifest in manifests if manifest["kind"] not in OF_OTHERS]
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, version],
        input=json.dumps(known),
        env={"PYTHONPATH": str(programs().packages)},
        capture_output=True,
        text=True,
        check=True,
    )
    problems: list[str] = json.loads(done.stdout)
    return problems
