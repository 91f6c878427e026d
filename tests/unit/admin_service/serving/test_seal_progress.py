"""The log says that a previous key can be removed when it was in use and is not any more."""

import logging

import pytest

from admin_service.serving.seal_progress import CAN_GO, NONE_LEFT, SealProgress


def said(caplog: pytest.LogCaptureFixture, passes: list[tuple[int, int]]) -> list[str]:
    progress = SealProgress("credentials")
    with caplog.at_level(logging.INFO):
        for changed, unknown in passes:
            progress.passed(changed, unknown)
    return [record.message for record in caplog.records]


def test_a_key_that_is_only_announced_is_not_said_to_be_removable(caplog: pytest.LogCaptureFixture) -> None:
    assert said(caplog, [(0, 0), (0, 0)]) == [NONE_LEFT] * 2


def test_it_can_go_after_a_pass_that_found_nothing_of_it(caplog: pytest.LogCaptureFixture) -> None:
    assert [CAN_GO in text for text in said(caplog, [(3, 0), (0, 0), (1, 0), (0, 0)])] == [False, True, False, True]


def test_it_cannot_go_while_something_is_opened_by_no_key(caplog: pytest.LogCaptureFixture) -> None:
    assert CAN_GO not in said(caplog, [(3, 1), (0, 1)])
