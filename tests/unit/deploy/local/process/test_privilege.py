import pytest

from deploy.local.process.privilege import (
    CAP_DAC_OVERRIDE,
    CAP_DAC_READ_SEARCH,
    Account,
    can_traverse,
    choose_capability,
)

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
def test_who_may_pass_through_a_directory(mode: int, owner: int, group: int, *, expected: bool) -> None:
    assert can_traverse(mode, owner, group, ACCOUNT) is expected


def test_the_smaller_capability_is_preferred_and_without_any_there_is_none() -> None:
    both = 1 << CAP_DAC_READ_SEARCH | 1 << CAP_DAC_OVERRIDE
    assert choose_capability(both) == CAP_DAC_READ_SEARCH
    assert choose_capability(1 << CAP_DAC_OVERRIDE) == CAP_DAC_OVERRIDE
    assert choose_capability(0) is None
