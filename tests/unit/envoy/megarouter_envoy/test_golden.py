"""Compares each feature of the rendered bootstrap with `tests/golden/envoy`. `UPDATE_GOLDEN=1` writes the files again."""

import copy
import json
import os
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from megarouter_envoy.bootstrap import build_bootstrap
from megarouter_envoy.options import Console, ConsoleAsset

from tests.support.repository import GOLDEN
from tests.unit.envoy.megarouter_envoy.test_bootstrap import options

FOLDER = GOLDEN / "envoy"
LISTENER_PARTS = {
    "access_log": "access-log",
    "early_header_mutation_extensions": "client-headers",
    "http_filters": "filters",
    "local_reply_config": "local-replies",
    "route_config": "routes",
    "tracing": "tracing",
}
"""Fields of a listener's connection manager that have separate files."""
CONSOLE = Console(
    page=b"the page",
    assets=(ConsoleAsset("index-0a1b2c3d.js", b"an asset"),),
    model_url="http://127.0.0.1:10000",
    issuers=("https://id.example",),
)


@cache
def features() -> dict[str, Any]:
    """Returns the parts of the bootstrap by file name. Together they are the whole bootstrap."""
    root = Path("/run/megarouter")
    fixed = replace(
        options(root),
        module_path=root / "libmegarouter.so",
        admin_json_path=root / "admin_json.lua",
        authorities_path=root / "authorities.pem",
        fallbacks=(("openai", "mock"), ("openai", "bedrock")),
        console=CONSOLE,
    )
    document = json.loads(build_bootstrap(fixed))
    resources = document.pop("static_resources")
    parts = {"process": document, "secrets": resources.pop("secrets")}
    for cluster in resources.pop("clusters"):
        parts[f"cluster-{cluster['name'].replace('_', '-')}"] = cluster
    for listener in resources.pop("listeners"):
        name = listener["name"]
        manager = listener["filter_chains"][0]["filters"][-1]["typed_config"]
        for field, part in LISTENER_PARTS.items():
            if field in manager:
                parts[f"{name}-{part}"] = manager.pop(field)
        parts[f"{name}-listener"] = listener
    assert not resources
    return parts


def rendered(feature: str) -> str:
    """Returns one part as YAML, in the order of Envoy's configuration."""
    return yaml.safe_dump(copy.deepcopy(features()[feature]), sort_keys=False, width=120, allow_unicode=True)


if os.environ.get("UPDATE_GOLDEN") == "1":
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("*.yaml"):
        old.unlink()
    for one in features():
        (FOLDER / f"{one}.yaml").write_text(rendered(one), encoding="utf-8")


@pytest.mark.parametrize("feature", sorted(path.stem for path in FOLDER.iterdir()))
def test_a_feature_equals_its_golden_file(feature: str) -> None:
    assert rendered(feature) == (FOLDER / f"{feature}.yaml").read_text("utf-8"), "run with UPDATE_GOLDEN=1, and review"


def test_every_golden_file_belongs_to_a_feature() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == set(features())
