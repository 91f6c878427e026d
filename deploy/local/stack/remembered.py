"""Caches results of slow steps in files. A later start reuses a result if nothing that it was made from has changed."""

import json
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any

from deploy.local.process.private_files import write_private
from deploy.local.stack.layout import REPOSITORY
from deploy.local.toolchain.stamps import fingerprint

_CODE = ("deploy", "envoy", "gateway_core")
_ENDINGS = frozenset({".py", ".lua"})


@cache
def code_fingerprint() -> str:
    """Returns a hash of the code that reads the catalog and builds Envoy's configuration, and of the packages it uses.

    It includes whole folders: an extra file only costs a slower start, but a missing one would keep an outdated result.
    """
    files = (path for folder in _CODE for path in (REPOSITORY / folder).rglob("*") if path.suffix in _ENDINGS)
    descriptors = REPOSITORY / "gen" / "megarouter" / "admin_api.binpb"
    return fingerprint([*sorted(files), descriptors, REPOSITORY / "uv.lock"], [])


def remembered(file: Path, source: str, make: Callable[[], Any]) -> Any:  # noqa: ANN401 - any JSON value
    """Returns the value in `file` if it was made from the same `source`; otherwise calls `make` and stores its value.

    Args:
        file: caches the value, mode 0600. A damaged file counts as missing.
        source: a fingerprint of everything that the value depends on.
        make: returns a value that JSON can represent.
    """
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        if content["source"] == source:
            return content["value"]
    except (OSError, ValueError, KeyError, TypeError):
        pass  # no usable value is cached
    value = make()
    write_private(file, json.dumps({"source": source, "value": value}) + "\n")
    return value


def source_of(files: Iterable[Path], *facts: str) -> str:
    """Returns a fingerprint of files, of facts and of the code itself."""
    return fingerprint(files, [*facts, code_fingerprint()])
