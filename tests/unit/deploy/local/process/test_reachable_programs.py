import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.process.privilege import Account, PrivilegeError, first_closed_directory, unprivileged_account
from deploy.local.process.reachable_programs import PACKAGE, installed_programs, reachable_programs

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root needs to become another user")


@pytest.fixture
def account() -> Account:
    found = unprivileged_account()
    assert found is not None
    return found


@pytest.fixture
def open_directory() -> Iterator[Path]:
    """A directory that every user can reach, because `tmp_path` is in a private one."""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        yield Path(directory)


@pytest.fixture
def closed_installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The package in a directory that only root can enter."""
    closed = tmp_path / "closed"
    site_packages = closed / "site-packages"
    site_packages.mkdir(mode=0o700, parents=True)
    closed.chmod(0o700)
    for installed in installed_programs().parents[2].glob(f"{PACKAGE}*"):
        subprocess.run(["cp", "-a", installed, site_packages], check=True)
    monkeypatch.syspath_prepend(site_packages)
    return site_packages


def version_reported(programs: Path, account: Account) -> str:
    """Returns the version that PostgreSQL prints when the account runs it."""
    return subprocess.run(
        [programs / "postgres", "--version"],
        user=account.user_id, group=account.group_id, extra_groups=[], cwd="/", check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip


def test_reachable_programs_are_not_copied(account: Account, tmp_path: Path) -> None:
    if first_closed_directory(installed_programs() / "postgres", account) is not None:
        pytest.skip("this checkout is in a directory closed to others")
    assert reachable_programs(account, [tmp_path]) == installed_programs()
    assert list(tmp_path.iterdir()) == []


def test_programs_in_a_closed_directory_run_from_a_copy(
    account: Account, closed_installation: Path, open_directory: Path
) -> None:
    assert installed_programs().is_relative_to(closed_installation)
    programs = reachable_programs(account, [open_directory])
    assert programs.is_relative_to(open_directory)
    assert "PostgreSQL" in version_reported(programs, account)
    assert reachable_programs(account, [open_directory]) == programs
    assert len(list(open_directory.iterdir())) == 1


def test_a_copy_that_lost_files_is_repaired(account: Account, closed_installation: Path, open_directory: Path) -> None:
    programs = reachable_programs(account, [open_directory])
    (programs / "postgres").unlink()
    (programs / "initdb").write_bytes(b"")
    assert reachable_programs(account, [open_directory]) == programs
    assert "PostgreSQL" in version_reported(programs, account)
    assert (programs / "initdb").stat().st_size > 0


def test_a_copy_can_be_run_with_any_umask(account: Account, closed_installation: Path, open_directory: Path) -> None:
    before = os.umask(0o077)
    try:
        programs = reachable_programs(account, [open_directory])
    finally:
        os.umask(before)
    assert "PostgreSQL" in version_reported(programs, account)


def test_a_copy_created_by_another_user_is_not_run(
    account: Account, closed_installation: Path, open_directory: Path
) -> None:
    copy = reachable_programs(account, [open_directory]).parents[2]
    os.chown(copy, account.user_id, account.group_id)
    with pytest.raises(PrivilegeError, match="belongs to another user"):
        reachable_programs(account, [open_directory])


def test_the_next_directory_is_tried_if_one_cannot_take_the_copy(
    account: Account, closed_installation: Path, open_directory: Path, tmp_path: Path
) -> None:
    closed, missing = closed_installation, tmp_path / "missing"
    assert reachable_programs(account, [missing, closed, open_directory]).is_relative_to(open_directory)
    with pytest.raises(PrivilegeError, match="move the checkout"):
        reachable_programs(account, [missing, closed])
