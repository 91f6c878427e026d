"""Decides when to restart a process that ended."""

from dataclasses import dataclass, replace

from gateway_core.runtime.backoff import pause_s


@dataclass(frozen=True)
class RestartPolicy:
    """How long to wait before a restart. The delay doubles with each consecutive failure, up to a maximum."""

    first_delay_s: float = 0.05
    max_delay_s: float = 10.0
    steady_after_s: float = 30.0  # a process that ran this long has recovered


@dataclass(frozen=True)
class RestartHistory:
    """How often a process failed in a row, and how often it was restarted."""

    failures_in_a_row: int = 0
    restarts: int = 0


def after_exit(history: RestartHistory, ran_s: float, policy: RestartPolicy) -> tuple[RestartHistory, float]:
    """Returns the new history and the delay in seconds before restarting a process that ran for `ran_s` seconds."""
    failures = 0 if ran_s >= policy.steady_after_s else history.failures_in_a_row
    failures += 1
    delay_s = pause_s(failures, policy.first_delay_s, policy.max_delay_s)
    return replace(history, failures_in_a_row=failures, restarts=history.restarts + 1), delay_s
