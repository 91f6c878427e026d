"""The lag is the age and the size of the unsettled part of the journal."""

from usage_service.journal.lag import JournalLag


class Clock:
    """A clock that the test advances."""

    now_s = 50.0

    def __call__(self) -> float:
        return self.now_s


def test_the_age_is_that_of_the_oldest_unsettled_line() -> None:
    clock = Clock()
    lag = JournalLag(clock)
    lag.observe(100)
    clock.now_s += 5
    lag.observe(300)
    clock.now_s += 2
    assert (lag.size_bytes, lag.age_s) == (300, 7.0)
    lag.settle(100)
    lag.observe(200)
    assert (lag.size_bytes, lag.age_s) == (200, 2.0)


def test_a_settled_journal_has_no_lag() -> None:
    clock = Clock()
    lag = JournalLag(clock)
    lag.observe(100)
    clock.now_s += 5
    lag.settle(90)  # The rest is permanently torn.
    lag.observe(0)
    assert (lag.size_bytes, lag.age_s) == (0, 0.0)


def test_the_memory_of_the_lag_is_bounded() -> None:
    clock = Clock()
    lag = JournalLag(clock)
    for size in range(1, 5_000):
        clock.now_s += 1
        lag.observe(size)
    assert lag.age_s == 4_998
    assert len(lag._marks) <= 1_000
