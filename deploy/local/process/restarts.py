"""When a process that ended is started again."""

from dataclasses import dataclass, replace

from gateway_core.runtime.backoff import pause_s


@dataclass(frozen=True)
class RestartPolicy:
    """Delays double with each failure in a row, up to a maximum: a process that cannot run costs little."""

    first_delay_s: float = 0.05
    max_delay_s: float = 10.0
    steady_after_s: float = 30.0  # a process that ran this long has recovered


@dataclass(frozen=True)
class RestartHistory:
    """What is remembered of a process."""

    failures_in_a_row: int = 0
    restarts: int = 0


def after_exit(history: RestartHistory, ran_s: float, policy: RestartPolicy) -> tuple[RestartHistory, float]:
    """The new history and the delay in seconds before the next start of a process that ended after `ran_s`."""
    failures = 0 if ran_s >= policy.steady_after_s else history.failures_in_a_row
    failures += 1
    delay_s = pause_s(failures, policy.first_delay_s, policy.max_delay_s)
    return replace(history, failures_in_a_row=failures, restarts=history.restarts + 1), delay_s
