import dataclasses
import json
from pathlib import Path

import pytest

from deploy.local.stack.layout import Home, LayoutError
from deploy.local.stack.secrets import load_or_make_secrets, new_secrets


def test_secrets_are_created_once_and_readable_only_by_their_owner(tmp_path: Path) -> None:
    home = Home(tmp_path)
    made = load_or_make_secrets(home)
    assert home.secrets_file.stat().st_mode & 0o777 == 0o600
    assert load_or_make_secrets(home) == made


def test_two_homes_have_different_secrets() -> None:
    assert new_secrets() != new_secrets()


def test_keys_are_32_bytes_in_hex() -> None:
    made = new_secrets()
    keys = (made.hold_signing_key, made.key_pepper, made.edge_secret, made.channel_key, made.credential_key)
    assert [len(bytes.fromhex(key)) for key in keys] == [32] * 5


def test_a_home_of_an_earlier_release_keeps_its_secrets_and_gets_missing_ones(tmp_path: Path) -> None:
    home = Home(tmp_path)
    made = load_or_make_secrets(home)
    content = json.loads(home.secrets_file.read_text())
    del content["edge_secret"]
    del content["channel_key"]
    del content["inbox_secret"]
    home.secrets_file.write_text(json.dumps(content))
    completed = load_or_make_secrets(home)
    assert (
        dataclasses.replace(
            completed, edge_secret=made.edge_secret, channel_key=made.channel_key, inbox_secret=made.inbox_secret
        )
        == made
    )
    assert load_or_make_secrets(home) == completed


def test_lost_secrets_of_a_home_with_data_are_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "postgres" / "data").mkdir(parents=True)
    with pytest.raises(LayoutError, match=r"secrets\.json is missing.*restore the file, or remove"):
        load_or_make_secrets(Home(tmp_path))


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"unknown": 1}'])
def test_damaged_secrets_are_refused_and_kept(content: str, tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.secrets_file.write_text(content)
    with pytest.raises(LayoutError, match="is damaged"):
        load_or_make_secrets(home)
    assert home.secrets_file.read_text() == content
