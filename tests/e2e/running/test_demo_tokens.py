"""The access tokens in `HOME/demo.json`: one person of each role, and the operator."""

import json
import stat

import aiohttp

from deploy.local.supervision.embedded_stack import Stack


async def test_each_token_of_the_demo_has_the_rights_of_its_role(stack: Stack, session: aiohttp.ClientSession) -> None:
    assert stat.S_IMODE(stack.home.demo_file.stat().st_mode) == 0o600
    tokens = json.loads(stack.home.demo_file.read_text(encoding="utf-8"))["access_tokens"]
    seen = {}
    for token in tokens:
        headers = {"authorization": f"Bearer {token['token']}"}
        statuses = []
        for path in ("apiKeys", "auditLogEntries", "creditBalance", "credentials", "summary"):
            url = f"{stack.environment['MEGAROUTER_ADMIN_URL']}/v1/organizations/acme/{path}"
            async with session.get(url, headers=headers) as response:
                statuses.append(response.status)
        seen[token["role"]] = (token["user"], statuses)
    assert seen == {
        "SUPER_ADMIN": ("users/acme-olivia", [200, 200, 200, 200, 403]),
        "L1_ADMIN": ("users/acme-liam", [200, 200, 200, 403, 403]),
        "SUB_ADMIN": ("users/acme-noah", [200, 200, 403, 403, 403]),
        "MEMBER": ("users/acme-emma", [200, 403, 403, 403, 403]),
        "OPERATOR": ("users/acme-olivia", [200, 200, 200, 200, 200]),
    }
