"""Exponential backoff between attempts."""

import pytest

from gateway_core.runtime.backoff import Backoff, pause_s


@pytest.mark.parametrize(("failures", "expected_s"), [(1, 0.5), (2, 1.0), (3, 2.0), (4, 3.0), (10**9, 3.0)])
def test_each_pause_is_twice_the_previous_one_up_to_the_maximum(failures: int, expected_s: float) -> None:
    assert pause_s(failures, first_s=0.5, longest_s=3.0) == expected_s


def test_a_success_starts_again_with_the_first_pause() -> None:
    backoff = Backoff(first_s=0.5, longest_s=3.0)
    assert [backoff.failed(), backoff.failed()] == [0.5, 1.0]
    backoff.succeeded()
    assert backoff.failed() == 0.5
