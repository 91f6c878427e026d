import pytest

from deploy.local.process.privilege import Account, can_traverse

ACCOUNT = Account(user_id=65534, group_id=65533)


@pytest.mark.parametrize(
    ("mode", "owner", "group", "expected"),
    [
        (0o755, 0, 0, True),
        (0o711, 0, 0, True),
        (0o700, 0, 0, False),
        (0o754, 0, 0, False),
        (0o700, 65534, 0, True),
        (0o077, 65534, 65533, False),
        (0o710, 0, 65533, True),
        (0o701, 0, 65533, False),
    ],
)
def test_directory_permissions_decide_who_may_pass(mode: int, owner: int, group: int, *, expected: bool) -> None:
    assert can_traverse(mode, owner, group, ACCOUNT) is expected
