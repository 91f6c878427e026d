"""The messages that arrived, each once."""

import json
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError


class InvalidMessageError(Exception):
    """The request is no event, or its signature is wrong."""


@dataclass(slots=True)
class Message:
    """An event."""

    event: Mapping[str, Any]
    is_verified: bool
    times_received: int = 1

    def as_json(self) -> dict[str, object]:
        """Returns it as `GET /messages` does."""
        return {name: self.event.get(name) for name in ("id", "type", "time", "data")} | {"verified": self.is_verified}


class Inbox:
    """Keeps the last messages. One that comes again, with the same id, counts as the same."""

    def __init__(self, secret: str, most: int) -> None:
        """Prepares an empty inbox.

        Args:
            secret: of the demo's channel, `whsec_` and base64. Empty: nothing can be verified.
            most: how many messages are kept.
        """
        self._webhook = Webhook(secret) if secret else None
        self._most = most
        self._messages: OrderedDict[str, Message] = OrderedDict()

    def receive(self, headers: Mapping[str, str], body: bytes) -> None:
        """Takes a message. Other channels than the demo's have other secrets: their messages are shown as not verified.

        Raises:
            InvalidMessageError: the body is no event.
        """
        try:
            event = json.loads(body)
            message_id = event["id"]
        except (ValueError, KeyError, TypeError, RecursionError):
            raise InvalidMessageError("the body must be a JSON object with an `id`") from None
        if not isinstance(message_id, str):
            raise InvalidMessageError("`id` must be text")
        known = self._messages.get(message_id)
        if known is not None:
            known.times_received += 1
            return
        self._messages[message_id] = Message(event, self._verifies(headers, body))
        while len(self._messages) > self._most:
            self._messages.popitem(last=False)

    def _verifies(self, headers: Mapping[str, str], body: bytes) -> bool:
        if self._webhook is None:
            return False
        try:
            self._webhook.verify(body, dict(headers))
        except (WebhookVerificationError, ValueError):
            return False
        return True

    def clear(self) -> None:
        """Forgets all messages."""
        self._messages.clear()

    @property
    def messages(self) -> Sequence[Message]:
        """The messages, oldest first."""
        return list(self._messages.values())
