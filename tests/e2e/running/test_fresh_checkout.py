"""The first commands after root clones the repository into a directory that only root can enter.

They run from the directory of this checkout, which also tests that `./dev` uses the code next to it.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from deploy.local.stack.environment import parse_environment
from deploy.local.stack.layout import REPOSITORY, Home
from tests.e2e.conftest import chat
from tests.support.ports import free_port_base

UP_TIMEOUT_S = 900
DOWN_TIMEOUT_S = 240
PROCESSES = (
    "envoy",
    "authz_service",
    "ratelimit_service",
    "usage_service",
    "admin_service",
    "notification_service",
    "postgres",
    "redis",
    "mock_provider",
    "inbox",
)

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="only root runs PostgreSQL as another user"),
    pytest.mark.skipif(not (REPOSITORY / ".git").exists(), reason="git lists the files of a checkout"),
    pytest.mark.timeout(1_500),
]


def dev(checkout: Path, *arguments: str, timeout_s: float) -> str:
    """Runs `./dev` without the settings and credentials of the calling shell, and returns its output."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("MEGAROUTER_") and not name.endswith("_API_KEY")
    }
    result = subprocess.run(
        [checkout / "dev", *arguments], env=environment, timeout=timeout_s, check=False,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout
    return result.stdout


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of what a clone would contain, with nothing installed, in a directory that only root can enter."""
    closed = tmp_path_factory.mktemp("closed")
    closed.chmod(0o700)
    directory = closed / "checkout"
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.check_output(listed, cwd=REPOSITORY, text=True).split("\0"):
        if name and (REPOSITORY / name).is_file():
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, directory / name)
    yield directory
    dev(directory, "down", timeout_s=DOWN_TIMEOUT_S)
    shutil.rmtree(closed)


async def test_a_fresh_checkout_in_a_root_only_directory_starts_serves_and_stops(
    checkout: Path, session: aiohttp.ClientSession
) -> None:
    printed = dev(checkout, "up", "--detach", "--port-base", str(free_port_base()), timeout_s=UP_TIMEOUT_S)
    table = {line.split()[0]: line.split() for line in printed.splitlines() if line}
    assert [name for name in PROCESSES if "ready" not in table.get(name, ())] == [], printed

    home = Home(checkout / ".run")
    environment = parse_environment(home.environment_file.read_text(encoding="utf-8"))
    async with session.post(
        f"{environment['MEGAROUTER_BASE_URL']}/v1/chat/completions",
        json=chat(),
        headers={"authorization": f"Bearer {environment['MEGAROUTER_API_KEY']}"},
    ) as answer:
        assert answer.status == 200, await answer.text()

    postgres = next(
        process
        for process in json.loads(home.state_file.read_text(encoding="utf-8"))["processes"]
        if process["name"] == "postgres"
    )
    status = (Path("/proc") / str(postgres["identity"]["pid"]) / "status").read_text(encoding="ascii")
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert fields["Uid"].split()[0] != "0"
    assert {fields[kind].strip("0") for kind in ("CapPrm", "CapEff", "CapAmb")} == {""}
    assert home.postgres.stat().st_mode & 0o077 == 0

    assert "stopped" in dev(checkout, "down", timeout_s=DOWN_TIMEOUT_S)
    assert not home.environment_file.exists()
