import pytest

from deploy.local.cli.restart import UnknownProcessError, processes_to_restart
from deploy.local.process.recorded_process import RecordedProcess
from deploy.local.stack.state import Health, Phase, ProcessState, StackState

NAMES = ("envoy", "authz_service", "authz_service-1", "admin_service", "postgres", "mock_provider")
IDENTITY = RecordedProcess(1, 1, "boot")
STATE = StackState(
    phase=Phase.READY,
    supervisor=IDENTITY,
    port_base=18_000,
    processes=(
        *(ProcessState(name, "", Health.READY, IDENTITY) for name in NAMES),
        ProcessState("redis", "", Health.EXTERNAL),
    ),
)


def test_by_default_the_services_and_then_envoy_are_restarted() -> None:
    assert processes_to_restart(STATE, []) == ["authz_service", "authz_service-1", "admin_service", "envoy"]


def test_named_processes_are_restarted_in_the_given_order() -> None:
    assert processes_to_restart(STATE, ["postgres", "envoy", "postgres"]) == ["postgres", "envoy"]


@pytest.mark.parametrize("name", ["nginx", "redis"])
def test_a_process_that_the_stack_does_not_run_is_refused(name: str) -> None:
    with pytest.raises(UnknownProcessError, match=f"no process {name}.*authz_service-1"):
        processes_to_restart(STATE, ["envoy", name])
