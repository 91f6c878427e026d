"""The rendered bootstrap, feature by feature, held against `tests/golden/envoy`. `UPDATE_GOLDEN=1` writes the files again."""

import copy
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from megarouter_envoy.bootstrap import build_bootstrap

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
"""Parts of a listener's connection manager that are files of their own, by their fields."""


def features() -> dict[str, Any]:
    """The bootstrap in parts; together they are the whole."""
    root = Path("/run/megarouter")
    fixed = replace(
        options(root),
        module_path=root / "libmegarouter.so",
        admin_json_path=root / "admin_json.lua",
        authorities_path=root / "authorities.pem",
    )
    document = json.loads(build_bootstrap(fixed))
    resources = document.pop("static_resources")
    parts = {"process": document, "secrets": resources.pop("secrets")}
    for cluster in resources.pop("clusters"):
        parts[f"cluster-{cluster['name'].replace('_', '-')}"] = cluster
    for listener in resources.pop("listeners"):
        name = listener["name"]
        manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
        for field, part in LISTENER_PARTS.items():
            if field in manager:
                parts[f"{name}-{part}"] = manager.pop(field)
        parts[f"{name}-listener"] = listener
    assert not resources
    return parts


FEATURES = features()


def rendered(feature: str) -> str:
    """One part as YAML, in the order in which Envoy's configuration has it."""
    return yaml.safe_dump(copy.deepcopy(FEATURES[feature]), sort_keys=False, width=120, allow_unicode=True)


if os.environ.get("UPDATE_GOLDEN") == "1":
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("*.yaml"):
        old.unlink()
    for one in FEATURES:
        (FOLDER / f"{one}.yaml").write_text(rendered(one), encoding="utf-8")


@pytest.mark.parametrize("feature", FEATURES)
def test_a_feature_is_the_golden_one(feature: str) -> None:
    assert rendered(feature) == (FOLDER / f"{feature}.yaml").read_text("utf-8"), "run with UPDATE_GOLDEN=1, and review"


def test_every_golden_file_is_a_feature() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == set(FEATURES)
