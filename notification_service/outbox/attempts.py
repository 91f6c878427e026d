"""One attempt: opens the channel, puts the alert into its form, posts it, and decides what follows."""

import datetime as dt
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import httpx

from gateway_core.stores.channel_seals import Place, SealError, open_seal
from gateway_core.stores.postgres.storable_text import storable_text
from notification_service.channels.kinds import KINDS
from notification_service.channels.messages import Endpoint, Kind, Outcome, Request, Verdict
from notification_service.channels.signing import SecretError
from notification_service.outbox.schedule import Waiting, disables, pause_after, retry_after_s
from notification_service.outbox.store import MAX_TEXT_BYTES, Attempt, Following, Lease, Leased, Next
from notification_service.transport.lines import Line
from notification_service.transport.posting import Exchange

logger = logging.getLogger(__name__)

GONE_REASON: Final = "the receiver says that it does not exist any more"
FAILING_REASON: Final = "every attempt failed for five days"
_HIDDEN: Final = "…"
_MIN_SECRET_CHARACTERS: Final = 6
_USER_AGENT: Final = "MegaRouter-Notifications/1"


class Posts(Protocol):
    """Posts a message."""

    async def post(self, url: str, headers: dict[str, str], body: bytes, line: Line) -> Exchange:
        """Returns what came of it, also a failure."""


@dataclass(frozen=True, slots=True)
class Attempted:
    """An attempt, and what follows from it."""

    attempt: Attempt
    following: Following


class Sender:
    """Makes attempts."""

    def __init__(
        self,
        poster: Posts,
        keys: Sequence[bytes],
        now: Callable[[], dt.datetime],
        random: Callable[[], float],
        mail_sender: str = "",
    ) -> None:
        """Prepares sending.

        Args:
            poster: reaches outward.
            keys: open the seals of channels, the current one first.
            now: returns the time that receivers compare with theirs. What follows from an attempt is decided by that of the lease.
            random: returns numbers that are evenly distributed in [0, 1).
            mail_sender: the address that e-mail comes from.
        """
        self._poster = poster
        self._keys = keys
        self._now = now
        self._random = random
        self._mail_sender = mail_sender

    async def attempt(self, lease: Lease, line: Line) -> Attempted:
        """Sends as many deliveries of a lease as go into one message, on the line of its channel. Opens no transaction."""
        start = lease.time
        try:
            return await self._attempt(lease, start, line)
        except SealError as error:
            logger.warning("cannot open a channel", extra={"error": str(error)})
            return self._failed(lease, start, "the target or the secret of the channel cannot be opened")
        except (SecretError, httpx.InvalidURL) as error:
            return self._failed(lease, start, f"the channel is not valid: {type(error).__name__}")
        except Exception as error:  # noqa: BLE001 - a fault with one alert must not stop the alerts of others
            # Without the message and the trace, which may quote the target.
            logger.error(  # noqa: TRY400
                "a delivery failed unexpectedly", extra={"kind": lease.kind, "error": type(error).__name__}
            )
            return self._failed(lease, start, f"unexpected: {type(error).__name__}")

    async def _attempt(self, lease: Lease, start: dt.datetime, line: Line) -> Attempted:
        kind = KINDS.get(lease.kind)
        if kind is None:
            return self._failed(lease, start, f"channels of the kind {lease.kind} cannot be sent to")
        if lease.is_mailed and not lease.address:
            return self._failed(lease, start, "the member has no address, or is not active", Outcome.REFUSED)
        endpoint = self._opened(lease)
        alerts = [one.alert for one in lease.deliveries]
        alerts = alerts[: kind.count_that_fits(alerts)]
        request = kind.render(alerts, endpoint, self._now())
        headers = {**request.headers, "user-agent": _USER_AGENT}
        exchange = await self._poster.post(request.url, headers, request.body, line)
        return self._judged(lease, start, _Sent(kind, _secrets(endpoint, request), request, exchange, len(alerts)))

    def _opened(self, lease: Lease) -> Endpoint:
        organization, channel = lease.key.organization, lease.key.channel
        target = lease.address
        if lease.sealed_target is not None:
            target = open_seal(lease.sealed_target, Place(organization, channel, "target"), self._keys)
        place = Place(organization, channel, "secret")
        secrets = tuple(open_seal(sealed, place, self._keys) for sealed in lease.sealed_secrets)
        return Endpoint(target, secrets, self._mail_sender)

    def _judged(self, lease: Lease, start: dt.datetime, sent: "_Sent") -> Attempted:
        answer = sent.exchange.answer
        if answer is None:
            verdict, wanted_s = Verdict(Outcome.RETRY, sent.exchange.error), 0.0
        else:
            verdict = sent.kind.judge(answer.status, answer.body)
            wanted_s = retry_after_s(answer.retry_after, self._now()) if verdict.outcome is Outcome.RETRY else 0.0
        attempt = Attempt(
            start_time=start,
            duration_ms=round(sent.exchange.duration_s * 1_000),
            address=sent.exchange.address,
            request=sent.without_secrets(f"POST {_shown(sent.request.url)}\n\n{sent.request.shown_body}"),
            http_status=None if answer is None else answer.status,
            answer="" if answer is None else sent.without_secrets(answer.body.decode(errors="replace")),
            outcome=verdict.outcome.value,
            error=sent.without_secrets(verdict.error),
        )
        return Attempted(attempt, self._following(lease, start, sent, verdict, wanted_s))

    def _failed(self, lease: Lease, start: dt.datetime, error: str, outcome: Outcome = Outcome.RETRY) -> Attempted:
        """Returns an attempt that ended before anything was sent. Most are repeated: an operator may repair what is wrong."""
        verdict = Verdict(outcome, error)
        attempt = Attempt(start, 0, "", "", None, "", outcome.value, error)
        return Attempted(attempt, self._following(lease, start, None, verdict, 0.0))

    def _following(
        self, lease: Lease, start: dt.datetime, sent: "_Sent | None", verdict: Verdict, wanted_s: float
    ) -> Following:
        deliveries = lease.deliveries[: 1 if sent is None else sent.count]
        return Following(
            nexts=self._nexts(deliveries, start, sent, verdict, wanted_s),
            has_failed=verdict.outcome is Outcome.RETRY,
            channel_pause_s=max(verdict.pause_s, wanted_s),
            disable_reason=_disable_reason(lease, start, verdict),
            goes_alone=verdict.outcome is Outcome.REFUSED and len(deliveries) > 1,
            token_interval_s=0.0 if sent is None else sent.kind.interval_s,
            burst=1 if sent is None else sent.kind.burst,
        )

    def _nexts(
        self,
        deliveries: Sequence[Leased],
        start: dt.datetime,
        sent: "_Sent | None",
        verdict: Verdict,
        wanted_s: float,
    ) -> tuple[Next, ...]:
        if verdict.outcome is Outcome.DELIVERED:
            return (Next("DELIVERED", None),) * len(deliveries)
        if verdict.outcome is Outcome.REFUSED:
            # In company, only one of them may be what was refused.
            return (Next("FAILED", None),) if len(deliveries) == 1 else (Next("PENDING", 0.0),) * len(deliveries)
        is_chat = sent is not None and sent.kind.is_chat
        random, least_s = self._random(), max(verdict.pause_s, wanted_s)
        pauses = (
            pause_after(
                Waiting(one.schedule_attempt, (start - one.schedule_start_time).total_seconds(), is_chat),
                least_s,
                random,
            )
            for one in deliveries
        )
        return tuple(Next("FAILED" if pause_s is None else "PENDING", pause_s) for pause_s in pauses)


def _disable_reason(lease: Lease, start: dt.datetime, verdict: Verdict) -> str:
    """Returns why the channel is disabled; empty if it is not. Nobody could enable the channel of a member again."""
    if lease.is_mailed or verdict.outcome is not Outcome.RETRY:
        return ""
    return GONE_REASON if verdict.disables else FAILING_REASON if disables(lease.failing_since, start) else ""


@dataclass(frozen=True, slots=True)
class _Sent:
    """A request, and what came of it."""

    kind: Kind
    secrets: Sequence[str]
    request: Request
    exchange: Exchange
    count: int
    """Of the deliveries in it."""

    def without_secrets(self, text: str) -> str:
        """Returns text to record, without what a receiver may have echoed."""
        for secret in self.secrets:
            text = text.replace(secret, _HIDDEN)
        return storable_text(text, MAX_TEXT_BYTES)


def _secrets(endpoint: Endpoint, request: Request) -> Sequence[str]:
    """Returns what must not be in a record, the longest first."""
    target = httpx.URL(endpoint.target)
    hidden = {
        *endpoint.secrets,
        *(request.url, endpoint.target, target.path, target.raw_path.decode()),
        *target.path.split("/"),
        *(value for _, value in target.params.multi_items()),
    }
    return sorted((one for one in hidden if len(one) >= _MIN_SECRET_CHARACTERS), key=len, reverse=True)


def _shown(url: str) -> str:
    """Returns the part of a URL that is no secret."""
    parsed = httpx.URL(url)
    if parsed.scheme == "mailto":
        return f"mailto:{_HIDDEN}@{parsed.path.rpartition('@')[2]}"
    return f"{parsed.scheme}://{parsed.netloc.decode()}/{_HIDDEN}"
