"""Seeding the demo organization, and reading what it consists of."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from deploy.local.process.children import ChildCommand, StartError, last_lines, start_child
from deploy.local.process.private_files import write_private
from deploy.local.stack.environment import Demo
from deploy.local.stack.layout import REPOSITORY, Home

DEMO_TIMEOUT_S = 60.0
DEMO_SECRETS = "MEGAROUTER_DEMO_SECRETS"


async def seed_demo(home: Home, environment: Mapping[str, str]) -> Demo:
    """Makes sure the demo organization exists; writes all of it to `HOME/demo.json`.

    The seeder waits for PostgreSQL itself, so it can run beside the start of everything else. Call it on the main
    thread. Nothing of it runs after a cancellation.

    Raises:
        StartError: it could not be made.
    """
    log_file = home.log_file("demo")
    process = start_child(
        ChildCommand(
            command=[sys.executable, "-m", "admin_service.demo"],
            environment={**environment, DEMO_SECRETS: str(home.demo_secrets_file)},
            directory=REPOSITORY,
            log_file=log_file,
        ),
        stdout=subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(DEMO_TIMEOUT_S):
            output, _ = await asyncio.to_thread(process.communicate)
    except TimeoutError:
        raise StartError(f"the demo organization took longer than {DEMO_TIMEOUT_S:g} s to make") from None
    finally:
        process.kill()  # which ends the thread that waits, and does nothing to a process that has ended
    if process.returncode != 0:
        raise StartError(f"the demo organization could not be made:\n{last_lines(log_file)}")
    demo = parse_demo(output)
    write_private(home.demo_file, output.decode())
    return demo


def parse_demo(output: bytes) -> Demo:
    """The part of the demo organization that `HOME/env` names; the first key is the one to try.

    Raises:
        StartError: the output is not as agreed.
    """
    try:
        content: dict[str, Any] = json.loads(output)
        return Demo(str(content["organization"]), str(content["admin_token"]), str(content["api_keys"][0]["key"]))
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise StartError("the demo organization was made, but its description cannot be read") from error
