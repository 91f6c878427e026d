"""Sending to mail servers that misbehave, over real sockets."""

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable
from email.message import EmailMessage
from pathlib import Path

import pytest

from notification_service.transport.mail_server import MailAccount, MailServer
from notification_service.transport.posting import Answer, Exchange
from tests.support.chats.mail_server import Mailbox, running_mail_server
from tests.support.servers.certificates import Authority

pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH:UserWarning", "ignore::DeprecationWarning")
Handle = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def message(subject: str = "Team A, Söhne & Co", recipient: str = "ops@acme.example") -> EmailMessage:
    made = EmailMessage()
    made["Subject"] = subject
    made["From"] = "gateway@megarouter.example"
    made["To"] = recipient
    made.set_content("预算 of Söhne\n.\nafter a line with one dot\n")
    return made


async def send(account: MailAccount, tls: ssl.SSLContext | None = None, deadline_s: float = 5.0) -> Exchange:
    server = MailServer(account, tls or ssl.create_default_context(), deadline_s)
    try:
        return await server.send(message())
    finally:
        server.close()


async def test_a_message_arrives_as_it_was_made(tmp_path: Path) -> None:
    mailbox = Mailbox()
    async with running_mail_server(mailbox, tmp_path) as account:
        exchange = await send(account)
    assert exchange.answer == Answer(250, b"OK", "")
    assert exchange.address == "127.0.0.1"
    ((envelope, received),) = mailbox.taken
    assert (envelope.mail_from, envelope.rcpt_tos) == ("gateway@megarouter.example", ["ops@acme.example"])
    assert received["Subject"] == "Team A, Söhne & Co"
    assert received.get_content().replace("\r\n", "\n") == message().get_content()
    assert max(envelope.content) < 128


async def test_the_code_and_the_text_of_a_refusal_are_returned(tmp_path: Path) -> None:
    mailbox = Mailbox()
    mailbox.answer_to_recipient = "550 5.1.1 no such user"
    async with running_mail_server(mailbox, tmp_path) as account:
        exchange = await send(account)
    assert exchange.answer == Answer(550, b"5.1.1 no such user", "")


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_certificates_are_checked(tmp_path: Path, security: str) -> None:
    authority, stranger = Authority("known", tmp_path), Authority("stranger", tmp_path)
    trusting = ssl.create_default_context(cafile=str(authority.file))
    for issuer, name, is_right in (
        (authority, "localhost", True),
        (stranger, "localhost", False),
        (authority, "a.example", False),
    ):
        pair = issuer.issue(name, tmp_path / f"{security}-{name}")
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(pair.certificate, pair.key)
        mailbox = Mailbox()
        async with running_mail_server(mailbox, tmp_path, security, tls, "localhost") as account:  # type: ignore[arg-type]
            exchange = await send(account, trusting)
        assert (len(mailbox.taken), exchange.answer is not None) == ((1, True) if is_right else (0, False))
        assert is_right or "SSLCertVerificationError" in exchange.error


async def test_a_server_that_takes_starttls_away_gets_neither_password_nor_message(tmp_path: Path) -> None:
    mailbox = Mailbox()
    async with running_mail_server(mailbox, tmp_path, "starttls") as account:
        exchange = await send(account)
    assert (exchange.answer, mailbox.offered) == (None, [])
    assert exchange.error == "the mail server cannot be used: SMTPNotSupportedError"


async def _silent(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(60)


async def _byte_by_byte(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    for byte in b"220-" + b"x" * 10_000:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.02)


async def _endless(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"220-more\r\n" * 100)
        await writer.drain()


@pytest.mark.parametrize("handle", [_silent, _byte_by_byte, _endless])
async def test_a_mail_server_has_so_much_time_in_all(handle: Handle) -> None:
    """Seen to fail with the time limits of the library alone: each byte had ten seconds of its own."""
    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    start_s = time.monotonic()
    exchange = await send(MailAccount("127.0.0.1", server.sockets[0].getsockname()[1], "none"), deadline_s=0.3)
    assert time.monotonic() - start_s < 9, "the library's own limit is ten seconds"
    server.close()
    assert exchange.answer is None
    assert exchange.error


async def test_a_server_that_is_busy_is_named(tmp_path: Path) -> None:
    async def busy(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"421 too many connections\r\n")
        await writer.drain()

    server = await asyncio.start_server(busy, "127.0.0.1", 0)
    exchange = await send(MailAccount("127.0.0.1", server.sockets[0].getsockname()[1], "none"))
    server.close()
    assert exchange.answer == Answer(421, b"too many connections", "")
