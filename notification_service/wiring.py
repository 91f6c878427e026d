"""Opens the resources that notification_service runs on, and the service on top of them."""

import datetime as dt
import random
import ssl
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from typing import Final

import grpc

from gateway_core.runtime.settings import NotificationSettings
from gateway_core.runtime.telemetry import dependencies
from gateway_core.runtime.telemetry.metrics import NO_METRICS, Metrics
from gateway_core.runtime.telemetry.tracing import Tracing
from gateway_core.runtime.unary import UnaryMethod
from gateway_core.stores.postgres.connections import open_pool
from gateway_core.stores.postgres.migrations import until_migrated
from notification_service import metrics as deliveries
from notification_service.metrics import AttemptMetrics
from notification_service.outbox import worker as outbox
from notification_service.outbox.attempts import Sender
from notification_service.outbox.worker import Worker
from notification_service.transport.guarded_connections import SystemResolver
from notification_service.transport.posting import Poster
from notification_service.transport.targets import AllowedTargets

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
    with closing(SystemResolver()) as resolver:
        async with open_pool(settings, ROLE) as pool:
            poster = Poster(resolver.resolve, allowed, ssl.create_default_context())
            sender = Sender(poster, settings.channel_keys, lambda: dt.datetime.now(dt.UTC), random.random)
            worker = Worker(pool, sender, AttemptMetrics(metrics), lambda: uuid.uuid4().hex)
            async with (
                deliveries.counted(pool, metrics),
                dependencies.reported(metrics, {"postgres": lambda: pool.fetchval(dependencies.CLOCK)}),
                outbox.running(worker, settings.shutdown_grace_ms),
            ):
                yield NotificationService()
