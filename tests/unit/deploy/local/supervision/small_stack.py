"""A supervisor in its own process, with real PostgreSQL and Redis and a small script named `third`.

`test_supervisor.py` runs it as `python small_stack.py HOME PORT_BASE [obedient|stubborn|failing]`.
"""

import os
import sys
from pathlib import Path

from deploy.local.process.children import ChildCommand
from deploy.local.programs.postgres import postgres_url
from deploy.local.programs.program import SERVICE, Program
from deploy.local.programs.redis import redis_url
from deploy.local.programs.stack_programs import stack_programs
from deploy.local.stack.environment import choose_backends, inherited
from deploy.local.stack.layout import Home
from deploy.local.stack.plan import StackPlan
from deploy.local.stack.secrets import load_or_make_secrets
from deploy.local.stack.specification import StackSpecification, specified
from deploy.local.stack.state import EXIT_ALREADY_RUNNING
from deploy.local.supervision.errors import AlreadyRunningError
from deploy.local.supervision.lifecycle import Assembly, run

WAITS = "import pathlib, sys, time; pathlib.Path(sys.argv[1]).touch(); time.sleep(600)"
SCRIPTS = {
    "obedient": WAITS,
    "stubborn": "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + WAITS,
    "failing": "raise SystemExit('the reason it gives')",
}


def assemble(specification: StackSpecification, script: str) -> Assembly:
    home, ports = specification.home, specification.ports
    secrets = load_or_make_secrets(home)
    backends = choose_backends(
        {}, postgres_url(ports.postgres, secrets.postgres_password), redis_url(ports.redis, secrets.redis_password)
    )
    plan = StackPlan(specification, secrets, backends, (), inherited(os.environ))
    databases = [program for program in stack_programs(plan) if program.name in {"postgres", "redis"}]

    async def seed() -> dict[str, str]:
        return {"MEGAROUTER_REDIS_URL": backends.redis_url}

    return Assembly([*databases, _scripted(home, script)], seed)


def _scripted(home: Home, script: str) -> Program:
    mark = home.directory / "third-is-up"
    return Program(
        name="third",
        address="none",
        prepare=lambda: mark.unlink(missing_ok=True),
        child=lambda: ChildCommand(
            [sys.executable, "-c", script, str(mark)], os.environ, home.directory, home.log_file("third")
        ),
        is_ready=lambda _pid: mark.exists(),
        stop_rank=SERVICE,
        stop_timeout_s=0.3,
    )


if __name__ == "__main__":
    wanted, chosen = specified(Path(sys.argv[1]), int(sys.argv[2])), SCRIPTS[sys.argv[3]]
    try:
        sys.exit(run(wanted, lambda: assemble(wanted, chosen)))
    except AlreadyRunningError:
        sys.exit(EXIT_ALREADY_RUNNING)
