"""The releases that upgrade tests start from. The migrations of a release must not change."""

import hashlib
import subprocess

import pytest

from gateway_core.schema.files import load_migrations
from tests.support.repository import ROOT
from tests.support.upgrades.releases import RELEASES, Release


@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.version)
def test_the_migrations_of_a_release_never_change(release: Release) -> None:
    if not release.is_in_history:
        pytest.skip("the history of the checkout does not reach back to this release")
    digests = {migration.name: migration.digest for migration in load_migrations()}
    folder = "gateway_core/schema/migrations"
    listing = subprocess.run(
        ["git", "-C", str(ROOT), "ls-tree", "--name-only", release.commit, f"{folder}/"],
        capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    migrations = sorted(name.rpartition("/")[2] for name in listing if name.endswith(".sql"))
    assert migrations[-1] == release.schema
    for name in migrations:
        shown = subprocess.run(
            ["git", "-C", str(ROOT), "show", f"{release.commit}:{folder}/{name}"], capture_output=True, check=True
        )
        assert hashlib.sha256(shown.stdout).hexdigest() == digests[name], name


def test_the_changelog_has_every_release() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert [release.version for release in RELEASES if f"## [{release.version}]" not in changelog] == []
