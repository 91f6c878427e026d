"""Runs the examples of docs/guides/admin-api.md as written."""

import json
import os
import subprocess
import sys
from pathlib import Path

import yaml
from google.protobuf import json_format
from google.rpc import error_details_pb2, status_pb2
from megarouter_envoy.settings.admin_edge import admin_edge
from megarouter_envoy.settings.variables import IDENTITY_PROVIDERS_FILE

from deploy.local.cli.report import ADMIN_CURL
from deploy.local.supervision.embedded_stack import Stack
from tests.support.checkout.documented_commands import blocks


def block(language: str) -> str:
    """Returns the first example in a language."""
    return blocks("docs/guides/admin-api.md", language)[0]


def names(stack: Stack) -> set[str]:
    """Returns the names of the demo's keys. Other tests may have made more."""
    return {key["name"] for key in stack.demo["api_keys"]}


def test_the_curl_example_lists_the_keys(stack: Stack) -> None:
    environment = {**os.environ, **stack.environment}
    result = subprocess.run(
        ["sh", "-euc", ADMIN_CURL], capture_output=True, text=True, timeout=30, check=True, env=environment
    )
    assert names(stack) <= {key["name"] for key in json.loads(result.stdout)["apiKeys"]}


def test_the_python_example_lists_the_keys(stack: Stack) -> None:
    result = subprocess.run(
        [sys.executable, "-c", block("python")],
        capture_output=True, text=True, timeout=60, check=True, env={**os.environ, **stack.environment},
    )  # fmt: skip
    assert names(stack) <= {line.split()[0] for line in result.stdout.splitlines()}
    assert "STATE_ACTIVE" in result.stdout


def test_the_documented_error_has_the_shape_of_a_real_one(stack: Stack) -> None:
    status = json_format.Parse(block("json"), status_pb2.Status())
    information = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(information)
    curl = [
        "curl", "-sS", "-d", json.dumps({"etag": '"0123456789abcdef"'}),
        "-H", f"Authorization: Bearer {stack.environment['MEGAROUTER_ADMIN_TOKEN']}",
        f"{stack.environment['MEGAROUTER_ADMIN_URL']}/v1/{stack.demo['api_keys'][0]['name']}:disable",
    ]  # fmt: skip
    answer = subprocess.run(curl, capture_output=True, text=True, timeout=30, check=True).stdout
    assert json_format.Parse(answer, status_pb2.Status()) == status


def test_the_documented_identity_providers_can_be_loaded(tmp_path: Path) -> None:
    document = yaml.safe_load(block("yaml"))
    keys = tmp_path / "partners.json"
    keys.write_text("{}")
    document["identity_providers"][1]["jwks_file"] = str(keys)
    file = tmp_path / "providers.yaml"
    file.write_text(yaml.safe_dump(document))
    assert [provider.name for provider in admin_edge({IDENTITY_PROVIDERS_FILE: str(file)}).identity_providers] == [
        "staff",
        "partners",
    ]
