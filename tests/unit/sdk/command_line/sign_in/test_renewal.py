"""A sign-in that has ended is renewed once, by one process, and the newest refresh token is kept."""

import datetime as dt
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from megarouter_admin.command_line.command_errors import CommandError
from megarouter_admin.command_line.sign_in.claims import Expected
from megarouter_admin.command_line.sign_in.grants import granted
from megarouter_admin.command_line.sign_in.provider import Provider, post
from megarouter_admin.command_line.sign_in.records import Application, Record, SignIn
from megarouter_admin.command_line.sign_in.renewal import valid_record
from megarouter_admin.command_line.sign_in.store import SignInStore

from tests.support.servers.identity_provider import IdentityProvider

PRINT_TOKEN = """
import datetime as dt, pathlib, sys
from megarouter_admin.command_line.sign_in.renewal import valid_record
from megarouter_admin.command_line.sign_in.store import SignInStore
store = SignInStore(pathlib.Path(sys.argv[1]), sys.argv[2], lambda: None)
print(valid_record(store, dt.datetime.now(dt.UTC)).secrets.token)
"""


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


@pytest.fixture
def ended(store: SignInStore, provider: Provider, application: Application) -> Record:
    """A stored sign-in whose token has ended."""
    device = post(provider.device_authorization_endpoint, {"client_id": application.client_id})
    answer = post(
        provider.token_endpoint,
        {"grant_type": "device", "device_code": device["device_code"], "client_id": application.client_id},
    )
    grant = granted(answer, Expected(application.issuer, application.client_id), now())
    record = Record(application, SignIn("device", now() - dt.timedelta(seconds=1), grant.person.subject), grant.secrets)
    store.save(record)
    return record


def test_a_token_that_has_not_ended_is_used_as_it_is(
    store: SignInStore, ended: Record, identity_provider: IdentityProvider
) -> None:
    fresh = replace(ended, sign_in=SignIn("device", now() + dt.timedelta(minutes=5), "person-1"))
    store.save(fresh)
    assert valid_record(store, now()) == fresh
    assert identity_provider.sign_in.refreshes == 0


def test_a_renewal_keeps_the_newest_refresh_token(
    store: SignInStore, ended: Record, identity_provider: IdentityProvider
) -> None:
    for _ in range(3):  # the provider takes each refresh token once
        renewed = valid_record(store, now())
        assert renewed is not None
        assert renewed == store.load()
        assert renewed.sign_in is not None
        store.save(replace(renewed, sign_in=replace(renewed.sign_in, expire_time=now())))
    assert identity_provider.sign_in.refreshes == 3


def test_only_one_of_several_processes_renews(
    store: SignInStore, ended: Record, identity_provider: IdentityProvider
) -> None:
    command = [sys.executable, "-c", PRINT_TOKEN, str(store.folder), store.url]

    def token(_: int) -> str:
        result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert result.returncode == 0, result.stderr
        return result.stdout

    with ThreadPoolExecutor(4) as pool:
        tokens = set(pool.map(token, range(4)))
    assert len(tokens) == 1
    assert identity_provider.sign_in.refreshes == 1


def test_threads_renew_once(store: SignInStore, ended: Record, identity_provider: IdentityProvider) -> None:
    with ThreadPoolExecutor(8) as pool:
        records = list(pool.map(lambda _: valid_record(store, now()), range(16)))
    assert len({record.secrets.token for record in records if record and record.secrets}) == 1
    assert identity_provider.sign_in.refreshes == 1


def test_a_refusal_says_to_sign_in_again_and_keeps_the_file(
    store: SignInStore, ended: Record, identity_provider: IdentityProvider
) -> None:
    identity_provider.sign_in.refusals = [{"error": "invalid_grant", "error_description": "Signed out elsewhere."}]
    with pytest.raises(CommandError, match=r"Signed out elsewhere.*megarouter login") as refused:
        valid_record(store, now())
    assert ended.secrets is not None
    assert ended.secrets.refresh_token not in str(refused.value)
    assert store.load() == ended


def test_a_renewal_for_another_person_is_refused(
    store: SignInStore, ended: Record, identity_provider: IdentityProvider
) -> None:
    identity_provider.sign_in.person = {"sub": "person-2"}
    with pytest.raises(CommandError, match="another person"):
        valid_record(store, now())


def test_without_a_refresh_token_the_person_signs_in_again(store: SignInStore, ended: Record) -> None:
    assert ended.secrets is not None
    store.save(replace(ended, secrets=replace(ended.secrets, refresh_token="")))
    with pytest.raises(CommandError, match="has ended: run `megarouter login`"):
        valid_record(store, now())


def test_a_lock_of_a_process_that_hangs_is_not_waited_for_forever(
    store: SignInStore, ended: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("megarouter_admin.command_line.sign_in.store._LOCK_TIMEOUT_S", 0.2)
    with store.exclusively(), pytest.raises(CommandError, match="another megarouter process"):
        valid_record(store, now())
