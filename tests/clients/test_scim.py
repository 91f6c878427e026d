"""scim2-tester, which checks a SCIM server against the RFCs, finds no error."""

import json
import os
import subprocess

import aiohttp

from deploy.local.supervision.embedded_stack import Stack
from tests.clients.conftest import Install
from tests.support.clients.table import FOLDER, versions_of

SEARCH = "search_with_attributes"
"""The only check that may be skipped: `/.search` is not supported."""


async def test_scim2_tester_finds_no_error(stack: Stack, install: Install, session: aiohttp.ClientSession) -> None:
    (client,) = versions_of("scim2-tester")
    installation = install(client)
    environment = stack.environment
    url, token = environment["MEGAROUTER_ADMIN_URL"], environment["MEGAROUTER_ADMIN_TOKEN"]
    credentials = f"{url}/v1/{environment['MEGAROUTER_ORGANIZATION']}/credentials"
    wanted = {"displayName": "scim2-tester", "kind": "KIND_SCIM"}
    async with session.post(credentials, json=wanted, headers={"authorization": f"Bearer {token}"}) as answer:
        secret = (await answer.json())["secret"]
    result = subprocess.run(  # noqa: ASYNC221 - nothing else runs
        [str(installation.folder / "bin" / "python"), str(FOLDER / "programs" / "scim_checks.py")],
        env={**os.environ, "SCIM_URL": f"{url}/scim/v2", "SCIM_SECRET": secret},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    checks = json.loads(result.stdout)
    assert len(checks) > 50
    assert [one for one in checks if one[0] != "SUCCESS" and (one[0], one[1]) != ("SKIPPED", SEARCH)] == []
