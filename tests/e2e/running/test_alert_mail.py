"""A budget that runs low is reported by e-mail, to the member and nobody else, over the deployment's mail server."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import asyncpg
import pytest

from deploy.local.supervision.embedded_stack import Stack
from tests.e2e.conftest import wait_settled
from tests.support.chats.mail_server import Mailbox, running_mail_server
from tests.support.data.tenants import Tenant, make_tenant
from tests.support.faults.load import call, chat
from tests.support.ports import free_port_base

pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH:UserWarning", "ignore::DeprecationWarning")
ARRIVES_WITHIN_S = 60.0


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
async def mailing(mailbox: Mailbox, tmp_path: Path) -> AsyncIterator[Stack]:
    """A gateway with a mail server."""
    async with running_mail_server(mailbox, tmp_path) as account:
        settings = {
            "MEGAROUTER_SMTP_ADDRESS": f"{account.host}:{account.port}",
            "MEGAROUTER_SMTP_SECURITY": account.security,
            "MEGAROUTER_SMTP_USERNAME": str(account.username),
            "MEGAROUTER_SMTP_PASSWORD_FILE": str(account.password_file),
            "MEGAROUTER_MAIL_SENDER": "gateway@megarouter.example",
        }
        stack = Stack(tmp_path / "home", free_port_base(), settings=settings)
        await asyncio.to_thread(stack.start)
        yield stack
        await asyncio.to_thread(stack.stop)


@pytest.fixture
async def tenant(mailing: Stack) -> AsyncIterator[Tenant]:
    pepper = json.loads(mailing.home.secrets_file.read_text(encoding="utf-8"))["key_pepper"]
    async with asyncpg.create_pool(mailing.environment["MEGAROUTER_DATABASE_URL"], min_size=1, max_size=4) as pool:
        yield await make_tenant(pool, bytes.fromhex(pepper))


@pytest.mark.timeout(120)
async def test_the_owner_of_a_key_gets_its_alert_by_e_mail(mailing: Stack, mailbox: Mailbox, tenant: Tenant) -> None:
    base_url = mailing.environment["MEGAROUTER_BASE_URL"]
    async with aiohttp.ClientSession() as session:
        await call(session, base_url, tenant, chat("Wait."))
        (record,) = await wait_settled(tenant, 1)
        await tenant.guard(
            "api_key", tenant.key_id, budget_nano_credits=2 * record["charge_nano_credits"], mode="SHADOW"
        )
        await asyncio.sleep(1.5)  # what was spent before is not news
        await call(session, base_url, tenant, chat("Wait."))
        await wait_settled(tenant, 2)
    async with asyncio.timeout(ARRIVES_WITHIN_S):
        while not mailbox.taken:
            await asyncio.sleep(0.1)
    await asyncio.sleep(1.0)
    ((envelope, message),) = mailbox.taken
    assert envelope.rcpt_tos == [f"mia@{tenant.organization}.example"]
    assert message["From"] == "gateway@megarouter.example"
    assert message["Subject"] == f"{tenant.key_id} has used 100 % of its budget"
