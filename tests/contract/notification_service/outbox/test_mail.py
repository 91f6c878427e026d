"""Alerts by e-mail: to the addresses of channels and of members, over a real mail server."""

import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway_core.model.alerts.targets import AllowedTargets
from notification_service.mail.store import tell_whether_mail_is_sent
from notification_service.transport.guarded_connections import SystemResolver
from notification_service.transport.mail_server import MailAccount, MailServer
from notification_service.transport.outward import Outward
from notification_service.transport.posting import Poster
from tests.contract.notification_service.outbox.deliveries import Outbox
from tests.support.chats.mail_server import Mailbox, running_mail_server

pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH:UserWarning", "ignore::DeprecationWarning")
ADDRESS = "alice@acme.example"


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
async def account(mailbox: Mailbox, tmp_path: Path) -> AsyncIterator[MailAccount]:
    async with running_mail_server(mailbox, tmp_path) as running:
        yield running


@pytest.fixture
async def mailing(outbox: Outbox) -> Outbox:
    """An organization with Alice, who has an address, and Bob, who has none."""
    await tell_whether_mail_is_sent(outbox.pool, sends_mail=True)
    await outbox.owner.execute(
        "INSERT INTO users (user_id, email, display_name) VALUES ('u-alice', $1, 'Alice'), ('u-bob', NULL, 'Bob')",
        ADDRESS,
    )
    await outbox.owner.execute(
        "INSERT INTO members (organization_id, member_id, user_id, role) VALUES ('acme', 'alice', 'u-alice', 'MEMBER'),"
        " ('acme', 'bob', 'u-bob', 'MEMBER')"
    )
    return outbox


async def send_due(outbox: Outbox, account: MailAccount | None) -> None:
    tls = ssl.create_default_context()
    mailer = MailServer(account, tls) if account else None
    resolver = SystemResolver()
    worker = outbox.worker(Outward(Poster(resolver.resolve, AllowedTargets(), tls), mailer))
    await worker.begin_due()
    await worker.until_idle()
    resolver.close()
    if mailer:
        mailer.close()


async def mail(outbox: Outbox, event: str, *members: str) -> None:
    """Does what usage_service does when a rule names members."""
    await outbox.owner.execute(
        "INSERT INTO notification_deliveries (organization_id, delivery_id, channel_id, event_id)"
        " SELECT 'acme', 'dlv-mail-' || $1 || '-' || substr(channel, 6), channel, $1 FROM mail_channels('acme', $2) AS channel"
        " ON CONFLICT DO NOTHING",
        event,
        list(members),
    )


async def test_a_channel_with_an_address_gets_the_alert(outbox: Outbox, mailbox: Mailbox, account: MailAccount) -> None:
    await outbox.add_channel("team", kind="EMAIL", target="ops@acme.example")
    await outbox.add_delivery(1, "team", name="Team A, Söhne")
    await send_due(outbox, account)
    ((envelope, message),) = mailbox.taken
    assert (envelope.mail_from, envelope.rcpt_tos) == ("gateway@megarouter.example", ["ops@acme.example"])
    assert message["Subject"] == "Team A, Söhne has used 80 % of its budget"
    assert await outbox.states("team") == ["DELIVERED"]
    (attempt,) = await outbox.attempts()
    assert (attempt["http_status"], attempt["answer"], attempt["address"]) == (250, "OK", "127.0.0.1")
    assert attempt["request"].startswith("POST mailto:…@acme.example\n\nSubject: Team A, Söhne has used")
    assert "ops@acme.example" not in str(dict(attempt))


async def test_only_members_with_an_address_are_mailed(mailing: Outbox, mailbox: Mailbox, account: MailAccount) -> None:
    await mailing.add_channel("ops")
    event = await mailing.add_delivery(1)
    await mail(mailing, event, "alice", "bob", "nobody")
    await mail(mailing, event, "alice")
    await send_due(mailing, account)
    assert [envelope.rcpt_tos for envelope, _ in mailbox.taken] == [[ADDRESS]]
    assert await mailing.states("mail-alice") == ["DELIVERED"]
    assert await mailing.states("mail-bob") == []


async def test_a_deployment_without_a_mail_server_mails_no_member(mailing: Outbox) -> None:
    await tell_whether_mail_is_sent(mailing.pool, sends_mail=False)
    await mailing.add_channel("ops")
    await mail(mailing, await mailing.add_delivery(1), "alice")
    assert await mailing.states("mail-alice") == []


async def test_a_mail_server_that_was_taken_away_is_named_in_the_attempt(outbox: Outbox) -> None:
    await outbox.add_channel("team", kind="EMAIL", target="ops@acme.example")
    await outbox.add_delivery(1, "team")
    await send_due(outbox, None)
    (attempt,) = await outbox.attempts()
    assert "MEGAROUTER_SMTP_ADDRESS" in attempt["error"]
    assert await outbox.states("team") == ["PENDING"]


@pytest.mark.parametrize("change", ["UPDATE members SET state = 'SUSPENDED'", "UPDATE users SET email = NULL"])
async def test_a_member_who_left_meanwhile_is_not_mailed(
    mailing: Outbox, mailbox: Mailbox, account: MailAccount, change: str
) -> None:
    await mailing.add_channel("ops")
    await mail(mailing, await mailing.add_delivery(1), "alice")
    await mailing.owner.execute(change)
    await send_due(mailing, account)
    assert mailbox.offered == []
    assert await mailing.states("mail-alice") == ["FAILED"]


async def test_a_mailbox_that_does_not_exist_gets_no_second_attempt(
    outbox: Outbox, mailbox: Mailbox, account: MailAccount
) -> None:
    await outbox.add_channel("team", kind="EMAIL", target="ops@acme.example")
    await outbox.add_delivery(1, "team")
    mailbox.answer_to_recipient = "550 5.1.1 <ops@acme.example> no such user"
    await send_due(outbox, account)
    (attempt,) = await outbox.attempts()
    assert (attempt["outcome"], attempt["http_status"], attempt["error"]) == (
        "REFUSED",
        550,
        "SMTP 550: 5.1.1 <…> no such user",
    )
    assert await outbox.states("team") == ["FAILED"]


async def test_the_channel_of_a_member_is_never_switched_off(
    mailing: Outbox, mailbox: Mailbox, account: MailAccount
) -> None:
    """Nobody could switch it on again."""
    await mailing.add_channel("ops")
    await mail(mailing, await mailing.add_delivery(1), "alice")
    await mailing.owner.execute("UPDATE notification_channels SET failing_since = now() - interval '6 days'")
    mailbox.answer = "451 later"
    await send_due(mailing, account)
    assert (await mailing.channel_row("mail-alice"))["state"] == "ENABLED"
    assert await mailing.states("mail-alice") == ["PENDING"]
