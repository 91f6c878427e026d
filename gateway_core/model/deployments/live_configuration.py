"""What admin_service and `megarouter_envoy` agree on to change Envoy's configuration while it runs.

They share a folder. `megarouter_envoy` writes the options of the bootstrap to it, and a first configuration made without the
database. Later admin_service keeps there what Envoy has accepted.
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from gateway_core.model.deployments.listener_limits import ListenerLimits

OPTIONS_FILE: Final = "options.json"
LAST_GOOD_FILE: Final = "last-good.json"
"""Fields: `number` of the newest change in it, `source`, `refusal`, `is_confirmed` (whether the database said so), `resources`."""
CREDENTIALS_FOLDER: Final = "credentials"
"""One file for each credential of a target, mode 0600."""
OWN_KEYS_FOLDER: Final = "own_keys"
"""One file for each key of an organization's own, mode 0600, named by its id: a line with the organization, and the key."""
MOST_SECRET_BYTES: Final = 16_384


def wanted_document(
    providers: Sequence[Mapping[str, Any]], fallbacks: Sequence[Sequence[str]], limits: ListenerLimits
) -> dict[str, Any]:
    """Returns what to render: places that receive calls, orders in which those of one call may be tried, and limits."""
    return {"providers": providers, "fallbacks": fallbacks, "limits": dataclasses.asdict(limits)}


def source_of(options: bytes, document: Mapping[str, Any]) -> str:
    """Returns a fingerprint of what a configuration is made from.

    Args:
        options: the content of the options file.
        document: what to render, without secrets.
    """
    return hashlib.sha256(options + b"\0" + json.dumps(document, sort_keys=True).encode()).hexdigest()
