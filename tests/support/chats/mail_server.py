"""A mail server that tests look into."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope

from notification_service.transport.mail_server import MailAccount, Security

PASSWORD = "correct horse"


class Mailbox:
    """What a mail server was offered and accepted, and what it answers."""

    def __init__(self) -> None:
        self.offered: list[Any] = []
        self.taken: list[Any] = []
        self.answer = "250 OK"
        self.answer_to_recipient = "250 OK"
        self.pause_s = 0.0

    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, _session: object, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if self.answer_to_recipient.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.answer_to_recipient

    async def handle_DATA(self, _server: SMTP, _session: object, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        received = (envelope, message_from_bytes(envelope.content, policy=policy.default))
        self.offered.append(received)
        await asyncio.sleep(self.pause_s)
        if self.answer.startswith("250"):
            self.taken.append(received)
        return self.answer


@asynccontextmanager
async def running_mail_server(
    mailbox: Mailbox,
    folder: Path,
    security: Security = "none",
    tls: ssl.SSLContext | None = None,
    host: str = "127.0.0.1",
) -> AsyncIterator[MailAccount]:
    """Runs a mail server that asks for a login. Yields the account, whose password is in a file in `folder`.

    With `starttls` and no `tls`, the server offers none.
    """

    def authenticate(_server: object, _session: object, _envelope: object, _mechanism: str, given: Any) -> AuthResult:
        known = (given.login, given.password) == (b"gateway", PASSWORD.encode())
        return AuthResult(success=known, handled=known)

    password_file = folder / "password"
    password_file.write_text(PASSWORD + "\n")

    def session() -> SMTP:
        return SMTP(
            mailbox,
            authenticator=authenticate,
            auth_require_tls=False,
            auth_required=True,
            tls_context=tls if security == "starttls" else None,
        )

    implicit = tls if security == "tls" else None
    server = await asyncio.get_running_loop().create_server(session, "127.0.0.1", 0, ssl=implicit)
    try:
        yield MailAccount(host, server.sockets[0].getsockname()[1], security, "gateway", password_file)
    finally:
        server.close()
