"""The ways out of the deployment: HTTP to the targets of channels, and e-mail by the operator's mail server."""

from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Protocol

from gateway_core.model.alerts.targets import MAIL_SCHEME
from notification_service.transport.lines import Line
from notification_service.transport.posting import Exchange


class Posts(Protocol):
    """Posts over HTTP."""

    async def post(self, url: str, headers: dict[str, str], body: bytes, line: Line) -> Exchange:
        """Returns what came of it, also a failure."""


class Mails(Protocol):
    """Sends e-mail."""

    async def send(self, message: EmailMessage) -> Exchange:
        """Returns what came of it, also a failure."""


class Outward:
    """Takes each message to where its URL says."""

    def __init__(self, poster: Posts, mailer: Mails | None) -> None:
        """Prepares sending.

        Args:
            poster: for `https://`.
            mailer: for `mailto:`. None: the deployment has no mail server.
        """
        self._poster = poster
        self._mailer = mailer

    async def post(self, url: str, headers: dict[str, str], body: bytes, line: Line) -> Exchange:
        """Sends a message. Returns failures, too. The mail server gets a connection for each message."""
        if not url.startswith(MAIL_SCHEME):
            return await self._poster.post(url, headers, body, line)
        if self._mailer is None:
            return Exchange(
                0.0, "", None, "the deployment has no mail server: an operator sets MEGAROUTER_SMTP_ADDRESS"
            )
        return await self._mailer.send(message_from_bytes(body, policy=policy.default))
