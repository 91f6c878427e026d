"""The configuration that discovery serves, and the file in which the last good one is kept."""

import base64
import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

logger = logging.getLogger(__name__)

CLUSTERS: Final = "type.googleapis.com/envoy.config.cluster.v3.Cluster"


@dataclass(frozen=True, slots=True)
class Resource:
    """A serialized message of Envoy's configuration. Nothing here parses it: see docs/adr/0006."""

    name: str
    type_url: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Configuration:
    """Everything that Envoy should have."""

    number: int
    """That of the newest change in it."""
    source: str
    """A fingerprint of what it was made from."""
    resources: tuple[Resource, ...]
    refusal: str = ""
    """Which providers have no resources, and why; empty if all have some."""
    is_confirmed: bool = True
    """Whether the database said so. The first one is made without it."""

    def of_type(self, type_url: str) -> list[Resource]:
        """Returns the resources of one type."""
        return [one for one in self.resources if one.type_url == type_url]

    def version_of(self, type_url: str) -> str:
        """Returns the version of the resources of one type: a hash, which is the same in every process that serves them."""
        digest = hashlib.sha256()
        for one in self.of_type(type_url):
            digest.update(len(one.value).to_bytes(8, "big") + one.value)
        return digest.hexdigest()[:16]


def resources_of(document: Sequence[Mapping[str, Any]]) -> tuple[Resource, ...]:
    """Returns the resources that `megarouter_envoy` has made, from its JSON."""
    return tuple(Resource(one["name"], one["type_url"], base64.b64decode(one["value"])) for one in document)


def read_last_good(path: Path) -> Configuration | None:
    """Returns the configuration that a file keeps; None if there is none that can be read."""
    try:
        document = json.loads(path.read_bytes())
        resources = resources_of(document["resources"])
        return Configuration(
            document["number"],
            document["source"],
            resources,
            document["refusal"],
            is_confirmed=document["is_confirmed"],
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        logger.warning("the last good configuration cannot be read", extra={"error": type(error).__name__})
        return None


def write_last_good(path: Path, configuration: Configuration) -> None:
    """Keeps a configuration in a file, which always has the old or the new one."""
    document = {
        "number": configuration.number,
        "source": configuration.source,
        "refusal": configuration.refusal,
        "is_confirmed": configuration.is_confirmed,
        "resources": [
            {"name": one.name, "type_url": one.type_url, "value": base64.b64encode(one.value).decode()}
            for one in configuration.resources
        ],
    }
    partial = path.with_name(path.name + ".partial")
    partial.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    partial.replace(path)
