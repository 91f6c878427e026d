"""Generates the code of a language by the plugins in `protos/buf.gen.yaml`. Everything runs locally."""

import json
from pathlib import Path
from typing import Any, Final

import yaml

from tools.protos import buf, generate
from tools.protos.descriptors import compiled
from tools.sdk.running import ClientError, node_environment

TEMPLATE: Final = generate.SOURCES / "buf.gen.yaml"


def languages() -> list[str]:
    """Returns the languages for which `protos/buf.gen.yaml` has plugins."""
    return sorted({plugin["out"] for plugin in _template()["plugins"]})


def generate_language(language: str, out: Path) -> None:
    """Runs the plugins of one language.

    Raises:
        ClientError: there is no such language, or a plugin is missing or failed.
    """
    template = _template()
    plugins = [{**plugin, "out": "."} for plugin in template["plugins"] if plugin["out"] == language]
    if not plugins:
        raise ClientError(f"there is no plugin for {language}; choose one of {', '.join(languages())}")
    out.mkdir(parents=True, exist_ok=True)
    try:
        buf.generate(compiled(), json.dumps({**template, "plugins": plugins}), out, node_environment())
    except buf.BufError as error:
        raise ClientError(str(error)) from error


def _template() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(TEMPLATE.read_text(encoding="utf-8"))
    return loaded
