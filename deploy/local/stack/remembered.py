"""Results of slow steps that a later start takes over, as long as nothing they were made from has changed."""

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
    """A hash of the code that reads the catalogue and builds Envoy's configuration, and of the packages it uses.

    Whole folders count: a file too many costs a slower start, one too few would keep an outdated result.
    """
    files = (path for folder in _CODE for path in (REPOSITORY / folder).rglob("*") if path.suffix in _ENDINGS)
    descriptors = REPOSITORY / "gen" / "megarouter" / "admin_api.binpb"
    return fingerprint([*sorted(files), descriptors, REPOSITORY / "uv.lock"], [])


def remembered(file: Path, source: str, make: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever JSON can hold
    """The value that `make` returns, read from `file` when it was made from the same `source`.

    Args:
        file: where the value is kept, mode 0600. A damaged file counts as none.
        source: a fingerprint of everything the value depends on.
        make: makes a value that JSON can hold.
    """
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        if content["source"] == source:
            return content["value"]
    except (OSError, ValueError, KeyError, TypeError):
        pass  # nothing usable is remembered
    value = make()
    write_private(file, json.dumps({"source": source, "value": value}) + "\n")
    return value


def source_of(files: Iterable[Path], *facts: str) -> str:
    """A fingerprint of files, of facts and of the code itself."""
    return fingerprint(files, [*facts, code_fingerprint()])
