from hypothesis import given
from hypothesis import strategies as st

from deploy.local.process.restarts import RestartHistory, RestartPolicy, after_exit

POLICY = RestartPolicy(first_delay_s=0.2, max_delay_s=10.0, steady_after_s=30.0)


def _delays(runs_s: list[float]) -> list[float]:
    history, delays = RestartHistory(), []
    for ran_s in runs_s:
        history, delay_s = after_exit(history, ran_s, POLICY)
        delays.append(delay_s)
    return delays


def test_delays_double_up_to_the_maximum() -> None:
    assert _delays([0.0] * 9) == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0, 10.0]


def test_a_steady_run_resets_the_delay() -> None:
    assert _delays([0.0, 0.0, 30.0, 0.0]) == [0.2, 0.4, 0.2, 0.4]


def test_every_restart_is_counted() -> None:
    history = RestartHistory()
    for ran_s in (0.0, 100.0, 0.0):
        history, _ = after_exit(history, ran_s, POLICY)
    assert history.restarts == 3


@given(st.lists(st.floats(min_value=0, max_value=1e9), max_size=2000))
def test_the_delay_is_within_bounds_for_any_history(runs_s: list[float]) -> None:
    assert all(POLICY.first_delay_s <= delay_s <= POLICY.max_delay_s for delay_s in _delays(runs_s))
