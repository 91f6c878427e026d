"""A process that lacks something passes once, after a while."""

from deploy.local.programs.patience import Patience


def test_a_process_passes_after_a_while_and_then_says_itself_whether_it_is_ready() -> None:
    now_s = 0.0
    patience = Patience(10.0, lambda: now_s)
    assert not patience.passes(1, is_ready=False)
    now_s = 10.0
    assert not patience.passes(1, is_ready=False)
    now_s = 10.1
    assert patience.passes(1, is_ready=False)
    assert [patience.passes(1, is_ready=ready) for ready in (False, True, False)] == [False, True, False]


def test_each_process_has_its_own_time() -> None:
    now_s = 0.0
    patience = Patience(10.0, lambda: now_s)
    assert patience.passes(1, is_ready=True)
    assert not patience.passes(1, is_ready=False), "it has passed before"
    now_s = 20.0
    assert not patience.passes(2, is_ready=False)
