"""Sends e-mail over SMTP (RFC 5321), with a bound on the time of everything.

The operator names the mail server, so it may be internal. With `starttls` a server that offers no TLS gets no message.
"""

import asyncio
import smtplib
import socket
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Final, Literal

from notification_service.transport.posting import Answer, Exchange

TIMEOUT_S: Final = 10.0
"""For connecting, and for each answer of the mail server."""
DEADLINE_S: Final = 30.0
"""For a whole message. Shorter than a lease."""
ACCEPTED: Final = 250
_READY: Final = 220
_FORWARDED: Final = 251
_PASSWORD_MAX_BYTES: Final = 4_096
_ANSWER_MAX_BYTES: Final = 4_096
_CONNECTIONS: Final = 16

Security = Literal["starttls", "tls", "none"]


@dataclass(frozen=True, slots=True)
class MailAccount:
    """An SMTP server and how to log in."""

    host: str
    port: int
    security: Security
    username: str | None = None
    password_file: Path | None = None
    """Read again for each message, so the password can be replaced while the service runs."""


class MailServer:
    """Sends messages to a mail server, at most 16 at a time, each over a connection of its own."""

    def __init__(self, account: MailAccount, tls: ssl.SSLContext, deadline_s: float = DEADLINE_S) -> None:
        """Prepares sending.

        Args:
            account: of the mail server.
            tls: decides which certificates are trusted.
            deadline_s: for each message.
        """
        self._account = account
        self._tls = tls
        self._deadline_s = deadline_s
        self._threads = ThreadPoolExecutor(_CONNECTIONS, "smtp")

    async def send(self, message: EmailMessage) -> Exchange:
        """Sends a message to the address in `To`. Returns failures, too. The answer has the codes of SMTP: 250 for success."""
        session = _Session(self._account, self._tls)
        start_s = time.monotonic()
        sending = asyncio.get_running_loop().run_in_executor(self._threads, session.send, message)
        try:
            async with asyncio.timeout(self._deadline_s):
                answer = await sending
            error = session.error
        except TimeoutError:
            answer, error = None, f"the mail server did not accept the message within {self._deadline_s:g} seconds"
        finally:
            # Ends the thread: whatever it waits for fails.
            session.abort()
        return Exchange(time.monotonic() - start_s, session.address, answer, error)

    def close(self) -> None:
        """Lets the threads end."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class _Session:
    """One message over one connection. Runs in a thread."""

    def __init__(self, account: MailAccount, tls: ssl.SSLContext) -> None:
        self._account = account
        self._tls = tls
        self._lock = threading.Lock()
        self._server: smtplib.SMTP | None = None
        self._is_aborted = False
        self.address = ""
        """Of the mail server; empty if it could not be connected to."""
        self.error = ""
        """Why there is no answer. Names no address of a person, and no password."""

    def send(self, message: EmailMessage) -> Answer | None:
        try:
            return self._send(message)
        except smtplib.SMTPResponseException as error:
            if isinstance(error, smtplib.SMTPAuthenticationError):
                # Its text may quote the account.
                self.error = f"the mail server refused the account: {error.smtp_code}"
                return None
            return _answer(error.smtp_code, error.smtp_error)
        except (smtplib.SMTPException, OSError, ValueError) as error:
            self.error = f"the mail server cannot be used: {type(error).__name__}"
            return None

    def abort(self) -> None:
        """Closes the connection, also from another thread."""
        with self._lock:
            self._is_aborted = True
            connected = self._server.sock if self._server is not None else None
        if connected is not None:
            with suppress(OSError):  # closed already
                connected.shutdown(socket.SHUT_RDWR)

    def _send(self, message: EmailMessage) -> Answer:
        account = self._account
        with self._connected() as server:
            if account.security == "starttls":
                server.starttls(context=self._tls)
            if account.username is not None:
                server.login(account.username, self._password())
            server.ehlo_or_helo_if_needed()
            sender, recipient = (message[name].addresses[0].addr_spec for name in ("From", "To"))
            # Not every server takes bytes above 127.
            content = message.as_bytes(policy=message.policy.clone(linesep="\r\n", cte_type="7bit"))
            code, text = server.mail(sender)
            if code == ACCEPTED:
                code, text = server.rcpt(recipient)
            if code not in (ACCEPTED, _FORWARDED):
                return _answer(code, text)
            return _answer(*server.data(content))

    def _connected(self) -> smtplib.SMTP:
        account = self._account
        # The constructor without a host does not connect, so that `abort` can reach the socket from the start.
        if account.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(timeout=TIMEOUT_S, context=self._tls)
        else:
            server = smtplib.SMTP(timeout=TIMEOUT_S)
        server._host = account.host  # type: ignore[attr-defined]  # noqa: SLF001 - the name that TLS checks
        with self._lock:
            if self._is_aborted:
                raise OSError("aborted")
            self._server = server
        code, text = server.connect(account.host, account.port)
        if server.sock is not None:
            self.address = str(server.sock.getpeername()[0])
        if code != _READY:
            server.close()
            raise smtplib.SMTPConnectError(code, text)
        return server

    def _password(self) -> str:
        if self._account.password_file is None:
            return ""
        with self._account.password_file.open("rb") as file:
            return file.read(_PASSWORD_MAX_BYTES).decode().rstrip("\r\n")


def _answer(code: int, text: bytes | str) -> Answer:
    content = text if isinstance(text, bytes) else text.encode()
    return Answer(code, content[:_ANSWER_MAX_BYTES], "")
