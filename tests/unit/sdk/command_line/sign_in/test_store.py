"""Where sign-ins are kept: modes, links, keyrings, and what is in the file."""

import datetime as dt
import os
import stat
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from megarouter_admin.command_line.command_errors import CommandError
from megarouter_admin.command_line.sign_in.keyrings import trusted
from megarouter_admin.command_line.sign_in.records import Application, Record, Secrets, SignIn
from megarouter_admin.command_line.sign_in.store import SignInStore, config_folder, store_for

RECORD = Record(
    Application("https://id.example", "megarouter", ("groups",)),
    SignIn("browser", dt.datetime(2026, 11, 30, tzinfo=dt.UTC), "person-1"),
    Secrets("token-canary", "refresh-canary"),
)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def backend(module: str) -> Any:
    """Returns a keyring as the package `keyring` has them, with `module` as its module."""

    class Backend:
        def __init__(self) -> None:
            self.kept: dict[tuple[str, str], str] = {}
            self.backends: list[Any] = []

        def set_password(self, service: str, name: str, text: str) -> None:
            self.kept[service, name] = text

        def get_password(self, service: str, name: str) -> str | None:
            return self.kept.get((service, name))

        def delete_password(self, service: str, name: str) -> None:
            del self.kept[service, name]

    Backend.__module__ = ModuleType(module).__name__
    return Backend()


def test_what_is_saved_is_loaded(store: SignInStore) -> None:
    store.save(RECORD)
    assert store.load() == RECORD


def test_nothing_is_loaded_before_a_sign_in(store: SignInStore) -> None:
    assert store.load() == Record()
    assert not store.folder.exists()


def test_the_file_and_its_folder_are_for_their_owner_only(store: SignInStore) -> None:
    earlier = os.umask(0)
    try:
        store.save(RECORD)
    finally:
        os.umask(earlier)
    assert (mode(store.folder), mode(store.file)) == (0o700, 0o600)
    assert list(store.folder.iterdir()) == [store.file]


@pytest.mark.parametrize("opened", [0o640, 0o604, 0o660])
def test_a_file_that_others_may_read_is_refused(store: SignInStore, opened: int) -> None:
    store.save(RECORD)
    store.file.chmod(opened)
    with pytest.raises(CommandError, match="chmod 600") as refused:
        store.load()
    assert "canary" not in str(refused.value)


def test_a_folder_that_others_may_read_is_refused(store: SignInStore) -> None:
    store.save(RECORD)
    store.folder.chmod(0o755)
    for attempt in (store.load, lambda: store.save(RECORD)):
        with pytest.raises(CommandError, match="chmod 700"):
            attempt()


def test_a_link_in_place_of_the_file_is_refused(store: SignInStore, tmp_path: Path) -> None:
    store.save(RECORD)
    elsewhere = store.file.rename(tmp_path / "elsewhere")
    store.file.symlink_to(elsewhere)
    with pytest.raises(CommandError, match="symbolic link"):
        store.load()


def test_a_link_in_place_of_the_folder_is_refused(store: SignInStore, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    store.folder.symlink_to(elsewhere)
    with pytest.raises(CommandError, match="not a folder"):
        store.save(RECORD)
    assert list(elsewhere.iterdir()) == []


def test_saving_replaces_a_link_and_leaves_its_target(store: SignInStore, tmp_path: Path) -> None:
    store.save(RECORD)
    target = tmp_path / "target"
    target.write_text("mine")
    store.file.unlink()
    store.file.symlink_to(target)
    store.save(RECORD)
    assert (target.read_text(), store.file.is_symlink()) == ("mine", False)


def test_a_pipe_in_place_of_the_file_does_not_block(store: SignInStore) -> None:
    store.save(RECORD)
    store.file.unlink()
    os.mkfifo(store.file, 0o600)
    with pytest.raises(CommandError, match="not a plain file"):
        store.load()


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"version": 9}', '{"version": 1, "sign_in": {}}'])
def test_a_damaged_file_is_reported(store: SignInStore, text: str) -> None:
    store.save(RECORD)
    store.file.write_text(text)
    with pytest.raises(CommandError, match="Remove it, then sign in again"):
        store.load()


def test_removing_a_sign_in_keeps_only_the_application(store: SignInStore) -> None:
    store.save(RECORD)
    store.remove(RECORD)
    assert store.load() == Record(RECORD.application)
    assert "canary" not in store.file.read_text()


def test_each_address_has_a_sign_in_of_its_own(tmp_path: Path) -> None:
    first, other = (
        SignInStore(tmp_path / "m", url, lambda: None) for url in ("https://a.example", "https://b.example")
    )
    first.save(RECORD)
    assert other.load() == Record()
    assert SignInStore(tmp_path / "m", "https://A.example:443/", lambda: None).load() == RECORD


def test_the_folder_follows_the_environment(tmp_path: Path) -> None:
    assert config_folder({"XDG_CONFIG_HOME": str(tmp_path)}, Path("/home/a")) == tmp_path / "megarouter"
    for unusable in ({}, {"XDG_CONFIG_HOME": ""}, {"XDG_CONFIG_HOME": "relative"}):
        assert config_folder(unusable, Path("/home/a")) == Path("/home/a/.config/megarouter")


def test_a_keyring_keeps_the_secrets_and_the_file_has_none(tmp_path: Path) -> None:
    keyring = backend("keyring.backends.SecretService")
    store = SignInStore(tmp_path / "m", "https://a.example", lambda: keyring)
    assert store.save(RECORD) == "the keyring of the system"
    assert "canary" not in store.file.read_text()
    assert store.load() == RECORD
    store.remove(RECORD)
    assert keyring.kept == {}


def test_a_keyring_that_fails_leaves_the_secrets_to_the_file(tmp_path: Path) -> None:
    keyring = backend("keyring.backends.SecretService")

    def refuse(*_: str) -> None:
        raise RuntimeError("locked")

    keyring.set_password = refuse
    store = SignInStore(tmp_path / "m", "https://a.example", lambda: keyring)
    assert store.save(RECORD) == str(store.file)
    assert store.load() == RECORD


@pytest.mark.parametrize(
    ("module", "is_trusted"),
    [
        ("keyring.backends.SecretService", True),
        ("keyring.backends.macOS", True),
        ("keyrings.alt.file", False),
        ("keyring.backends.fail", False),
        ("keyring.backends.null", False),
        ("somebody.elses", False),
    ],
)
def test_only_a_keyring_that_encrypts_is_used(module: str, is_trusted: bool) -> None:  # noqa: FBT001 - a parameter
    one = backend(module)
    chain = backend("keyring.backends.chainer")
    chain.backends = [backend("keyrings.alt.file"), one]
    expected = one if is_trusted else None
    assert (trusted(one), trusted(chain)) == (expected, expected)


def test_a_link_in_place_of_the_lock_is_refused(store: SignInStore, tmp_path: Path) -> None:
    store.save(RECORD)
    (store.folder / f"{store.file.name}.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CommandError, match="Remove it"), store.exclusively():
        pass
    assert not (tmp_path / "elsewhere").exists()


def test_without_a_home_there_is_no_store(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home() -> Path:
        raise RuntimeError

    monkeypatch.setattr(Path, "home", no_home)
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    assert store_for("https://a.example") is None
