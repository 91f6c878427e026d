"""Seeds the demo organization and reads its description."""

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
    """Creates the demo organization if it does not exist, and writes its description to `HOME/demo.json`.

    The seeder waits for PostgreSQL, so it can run while everything else starts. Call this on the main thread. A
    cancellation kills the seeder.

    Args:
        home: receives the description and the log.
        environment: of admin_service.

    Raises:
        StartError: the demo organization could not be created.
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
        raise StartError(
            f"creating the demo organization took longer than {DEMO_TIMEOUT_S:g} s; see {log_file}"
        ) from None
    finally:
        process.kill()  # ends the waiting thread; has no effect on a process that has ended
    if process.returncode != 0:
        raise StartError(f"the demo organization could not be created:\n{last_lines(log_file)}")
    demo = parse_demo(output)
    write_private(home.demo_file, output.decode())
    return demo


def parse_demo(output: bytes) -> Demo:
    """Returns the parts of the demo organization that go into `HOME/env`. Takes the first API key.

    Args:
        output: the JSON that `admin_service.demo` prints.

    Raises:
        StartError: `output` is not such JSON.
    """
    try:
        content: dict[str, Any] = json.loads(output)
        return Demo(str(content["organization"]), str(content["admin_token"]), str(content["api_keys"][0]["key"]))
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise StartError("the demo organization was created, but its description cannot be read") from error
