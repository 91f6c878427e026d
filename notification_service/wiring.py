"""Opens the resources that notification_service runs on, and the service on top of them."""

import datetime as dt
import random
import ssl
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing
from typing import Final

import grpc

from gateway_core.model.alerts.targets import AllowedTargets
from gateway_core.runtime.background import in_background
from gateway_core.runtime.settings import NotificationSettings
from gateway_core.runtime.telemetry import dependencies
from gateway_core.runtime.telemetry.metrics import NO_METRICS, Metrics
from gateway_core.runtime.telemetry.tracing import Tracing
from gateway_core.runtime.unary import UnaryMethod
from gateway_core.stores.postgres.connections import open_pool, until_available
from gateway_core.stores.postgres.migrations import until_migrated
from notification_service import metrics as deliveries
from notification_service.mail import metrics as mail_metrics
from notification_service.mail.outbox import MailOutbox
from notification_service.mail.store import tell_whether_mail_is_sent
from notification_service.metrics import AttemptMetrics
from notification_service.outbox import worker as outbox
from notification_service.outbox.attempts import Sender
from notification_service.outbox.worker import Worker
from notification_service.transport.guarded_connections import SystemResolver
from notification_service.transport.mail_server import MailAccount, MailServer
from notification_service.transport.outward import Outward
from notification_service.transport.posting import Poster

ROLE: Final = "megarouter_notification"


class NotificationService:
    """The service that the service shell runs. It answers no calls but those for its health."""

    service_names: Sequence[str] = ()
    health_names: Sequence[str] = ("notification",)
    unary_methods: Sequence[UnaryMethod] = ()

    def add_to(self, server: grpc.aio.Server) -> None:
        """Adds nothing."""

    def begin_stop(self) -> None:
        """Does nothing: what is being sent ends with the context of the service."""

    def is_ready(self) -> bool:
        """Always: what waits for PostgreSQL waits there."""
        return True


@asynccontextmanager
async def open_service(
    settings: NotificationSettings, _tracing: Tracing, metrics: Metrics = NO_METRICS
) -> AsyncIterator[NotificationService]:
    """Opens what the service needs, and sends while the context is open."""
    await until_migrated(settings)
    allowed = AllowedTargets.parse(settings.notification_allowed_targets)
    tls = ssl.create_default_context()
    async with AsyncExitStack() as stack:
        resolver = stack.enter_context(closing(SystemResolver()))
        pool = await stack.enter_async_context(open_pool(settings, ROLE, by_index=True))
        account = _mail_account(settings)
        mailer = stack.enter_context(closing(MailServer(account, tls))) if account is not None else None
        await until_available(lambda: tell_whether_mail_is_sent(pool, sends_mail=mailer is not None))
        outward = Outward(Poster(resolver.resolve, allowed, tls), mailer)
        sender = Sender(outward, settings.channel_keys, _now, random.random, settings.mail_sender)
        worker = Worker(pool, sender, AttemptMetrics(metrics), _new_claim)
        await stack.enter_async_context(deliveries.counted(pool, metrics))
        await stack.enter_async_context(mail_metrics.counted(pool, metrics))
        probes: dict[str, dependencies.Probe] = {"postgres": lambda: pool.fetchval(dependencies.CLOCK)}
        await stack.enter_async_context(dependencies.reported(metrics, probes))
        await stack.enter_async_context(outbox.running(worker, settings.shutdown_grace_ms))
        if mailer is not None:
            mails = MailOutbox(pool, mailer, settings.mail_sender, _new_claim)
            await stack.enter_async_context(in_background(mails.keep_sending()))
        yield NotificationService()


def _mail_account(settings: NotificationSettings) -> MailAccount | None:
    """Returns the mail server; None if there is none. Then messages wait."""
    if settings.smtp_address is None:
        return None
    host, _, port = settings.smtp_address.rpartition(":")
    return MailAccount(host, int(port), settings.smtp_security, settings.smtp_username, settings.smtp_password_file)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def _new_claim() -> str:
    return uuid.uuid4().hex
