"""Sends e-mail over SMTP (RFC 5321)."""

import asyncio
import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Final, Literal

TIMEOUT_S: Final = 10.0
"""Seconds for connecting, and for each answer of the mail server."""
_PASSWORD_MAX_BYTES: Final = 4_096

Security = Literal["starttls", "tls", "none"]


class MailError(Exception):
    """The mail server did not accept the message. The text names the kind of failure and contains no address."""


@dataclass(frozen=True, slots=True)
class MailServer:
    """An SMTP server and how to log in."""

    host: str
    port: int
    security: Security
    username: str | None = None
    password_file: Path | None = None
    """Read again for each message, so the password can be replaced while the service runs."""

    async def send(self, message: EmailMessage) -> None:
        """Sends a message.

        Raises:
            MailError: the server did not accept it.
        """
        await asyncio.to_thread(self._send, message)

    def _send(self, message: EmailMessage) -> None:
        try:
            with self._connect() as server:
                if self.security == "starttls":
                    server.starttls(context=ssl.create_default_context())
                if self.username is not None:
                    server.login(self.username, self._password())
                server.send_message(message)
        except smtplib.SMTPResponseException as error:
            raise MailError(f"{type(error).__name__} {error.smtp_code}") from None
        except (smtplib.SMTPException, OSError, ValueError) as error:
            raise MailError(type(error).__name__) from None

    def _connect(self) -> smtplib.SMTP:
        if self.security == "tls":
            return smtplib.SMTP_SSL(self.host, self.port, timeout=TIMEOUT_S, context=ssl.create_default_context())
        return smtplib.SMTP(self.host, self.port, timeout=TIMEOUT_S)

    def _password(self) -> str:
        if self.password_file is None:
            return ""
        with self.password_file.open("rb") as file:
            return file.read(_PASSWORD_MAX_BYTES).decode().rstrip("\r\n")
