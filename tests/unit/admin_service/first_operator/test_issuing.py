"""What the log of operators says about who issued the first operator's token."""

import os
import pwd

import pytest

from admin_service.first_operator.issuing import account


def without_a_name(uid: int) -> pwd.struct_passwd:
    raise KeyError(f"getpwuid(): uid not found: {uid}")


def test_an_account_without_a_name_is_known_by_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """The user of a container has no entry among the accounts. Seen to fail when the name was needed."""
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", without_a_name)
    assert account() == f"uid {os.getuid()}"
    monkeypatch.setenv("LOGNAME", "olivia")
    assert account() == "olivia"
