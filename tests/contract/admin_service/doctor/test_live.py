"""The key of credentials and the folder shared with Envoy, as the doctor sees them."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest

from admin_service.doctor.findings import Verdict
from admin_service.doctor.live import FOLDER, KEY
from admin_service.resources.catalog_changes.sealing import CredentialKeys, CredentialPlace
from gateway_core.model.deployments.live_configuration import OPTIONS_FILE
from tests.contract.admin_service.doctor.findings import found
from tests.support.repository import ROOT

FIRST, SECOND = "a1" * 32, "b2" * 32
DISCOVERY = {"MEGAROUTER_DISCOVERY_LISTEN": "unix:/run/discovery.sock"}
PREVIOUS = "MEGAROUTER_PREVIOUS_CREDENTIAL_KEY"
Environment = dict[str, str]


async def set_credential(owner: asyncpg.Connection, provider: str, key: str) -> None:
    """As a gateway with this key sets one."""
    sealed = CredentialKeys((bytes.fromhex(key),), os.urandom).seal("sk-secret", CredentialPlace(provider))
    await owner.execute("INSERT INTO providers (provider_id, definition) VALUES ($1, '{}')", provider)
    await owner.execute(
        "INSERT INTO provider_credentials (provider_id, sealed, fingerprint, set_by) VALUES ($1, $2, '', 'user-1')",
        provider, sealed,
    )  # fmt: skip


@contextmanager
def folder_in(place: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="megarouter-live-", dir=place) as name:
        Path(name, OPTIONS_FILE).write_text("{}", encoding="utf-8")
        yield Path(name)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder in memory, as the chart makes it."""
    with folder_in("/dev/shm") as made:  # noqa: S108 - in memory on purpose
        yield made


async def test_no_key_is_needed_until_there_is_something_to_open(
    administration: Environment, owner: asyncpg.Connection
) -> None:
    assert KEY not in await found("admin", administration)
    finding = (await found("admin", administration | DISCOVERY))[KEY]
    assert (finding.verdict, "openssl rand -hex 32" in finding.text) == (Verdict.WARNING, True)
    await set_credential(owner, "one", FIRST)
    finding = (await found("admin", administration))[KEY]
    assert (finding.verdict, "the other gateways" in finding.text) == (Verdict.FAULT, True)


async def test_a_malformed_key_is_named_and_not_shown(administration: Environment) -> None:
    finding = (await found("admin", administration | {KEY: "not-hexadecimal"}))["settings"]
    assert finding.verdict is Verdict.FAULT
    assert f"{KEY}: " in finding.text
    assert "64 hexadecimal digits" in finding.text
    assert "not-hexadecimal" not in finding.text


async def test_an_organizations_own_key_that_the_key_does_not_open_is_a_fault(
    administration: Environment, owner: asyncpg.Connection
) -> None:
    """Seen to fail while the doctor read the credentials of providers only."""
    await set_credential(owner, "one", FIRST)
    await owner.execute("INSERT INTO organizations (organization_id, display_name) VALUES ('acme', 'Acme')")
    sealed = CredentialKeys((bytes.fromhex(SECOND),), os.urandom).seal("sk-own", CredentialPlace("one", "acme"))
    await owner.execute(
        "INSERT INTO organization_provider_credentials"
        " (organization_id, provider_id, credential_id, sealed, fingerprint, set_by, set_time)"
        " VALUES ('acme', 'one', 'ownkey-1', $1, '', 'user-1', now())",
        sealed,
    )
    finding = (await found("admin", administration | {KEY: FIRST}))[KEY]
    assert (finding.verdict, "the credentials of acme at one: " in finding.text) == (Verdict.FAULT, True)
    both = (await found("admin", administration | {KEY: FIRST, PREVIOUS: SECOND}))[KEY]
    assert (both.verdict, "opens all 2 credentials" in both.text) == (Verdict.OK, True)


async def test_a_key_that_does_not_open_what_another_gateway_sealed_is_a_fault(
    administration: Environment, owner: asyncpg.Connection
) -> None:
    await set_credential(owner, "one", FIRST)
    assert (await found("admin", administration | {KEY: FIRST}))[KEY].verdict is Verdict.OK
    await set_credential(owner, "two", SECOND)
    finding = (await found("admin", administration | {KEY: FIRST}))[KEY]
    assert finding.verdict is Verdict.FAULT
    assert "the credentials of two: " in finding.text
    assert "on every gateway" in finding.text
    both = (await found("admin", administration | {KEY: FIRST, PREVIOUS: SECOND}))[KEY]
    assert both.verdict is Verdict.OK
    assert "1 still need the previous key" in both.text


async def test_gateways_with_other_keys_show_other_fingerprints(administration: Environment) -> None:
    texts = [(await found("admin", administration | {KEY: key}))[KEY].text for key in (FIRST, FIRST.upper(), SECOND)]
    assert texts[0] == texts[1] != texts[2]
    assert FIRST[:8] not in texts[0]


async def test_a_private_folder_in_memory_is_well(administration: Environment, folder: Path) -> None:
    finding = (await found("admin", administration | DISCOVERY | {FOLDER: str(folder)}))[FOLDER]
    assert finding.verdict is Verdict.OK, finding.text


async def test_discovery_needs_the_folder(administration: Environment) -> None:
    assert FOLDER not in await found("admin", administration)
    finding = (await found("admin", administration | DISCOVERY))[FOLDER]
    assert (finding.verdict, "not set" in finding.text) == (Verdict.FAULT, True)


async def test_a_folder_that_is_not_there_or_not_envoys_is_a_fault(administration: Environment, folder: Path) -> None:
    finding = (await found("admin", administration | {FOLDER: str(folder / "missing")}))[FOLDER]
    assert (finding.verdict, "No such file" in finding.text) == (Verdict.FAULT, True)
    finding = (await found("admin", administration | {FOLDER: str(folder / OPTIONS_FILE)}))[FOLDER]
    assert (finding.verdict, "cannot be written" in finding.text) == (Verdict.FAULT, True)
    (folder / OPTIONS_FILE).unlink()
    finding = (await found("admin", administration | {FOLDER: str(folder)}))[FOLDER]
    assert (finding.verdict, OPTIONS_FILE in finding.text) == (Verdict.FAULT, True)


async def test_a_folder_that_others_may_look_into_is_a_fault(administration: Environment, folder: Path) -> None:
    os.chmod(folder, 0o750)  # noqa: PTH101, S103 - no method in asynchronous functions; permissive on purpose
    finding = (await found("admin", administration | {FOLDER: str(folder)}))[FOLDER]
    assert (finding.verdict, "chmod 700" in finding.text) == (Verdict.FAULT, True)


async def test_a_folder_on_a_disk_is_a_warning(administration: Environment) -> None:
    with folder_in(str(ROOT / ".tools")) as name:
        finding = (await found("admin", administration | {FOLDER: str(name)}))[FOLDER]
    assert (finding.verdict, "tmpfs" in finding.text) == (Verdict.WARNING, True)
