"""The key that signs holds is replaced: holds of both keys settle and expire, and those of no key stay forged."""

import asyncpg
from pydantic import SecretStr

from gateway_core.runtime.settings import UsageSettings
from tests.contract.usage_service.service_runs import message, running, until
from tests.contract.usage_service.settlement_cases import (
    SIGNING_KEY,
    breaches,
    charge,
    make_hold,
    make_report,
    prepare,
    register,
)

NEW_KEY, OTHER_KEY = b"n" * 32, b"o" * 32
PAST = 1_780_007_200_123_456


def replacing(settings: UsageSettings) -> UsageSettings:
    return settings.model_copy(
        update={
            "hold_signing_key": SecretStr(NEW_KEY.hex()),
            "previous_hold_signing_key": SecretStr(SIGNING_KEY.hex()),
            "sweep_interval_ms": 20,
        }
    )


async def test_holds_of_the_old_and_the_new_key_are_charged_exactly(
    owner: asyncpg.Connection, settings: UsageSettings
) -> None:
    await prepare(owner)
    old, new, forged = (make_hold() for _ in range(3))
    reports = [make_report(old), make_report(new, key=NEW_KEY), make_report(forged, key=OTHER_KEY)]
    async with running(replacing(settings)) as service:
        await service.take(message(*reports))
        await until(lambda: service.counts.forged == 1)
    rows = await owner.fetch("SELECT hold_id, charge_nano_credits FROM usage_records")
    assert {row[0]: row[1] for row in rows} == {old.hold_id: charge(), new.hold_id: charge()}
    assert await breaches(owner) == []


async def test_a_hold_of_the_old_key_expires(owner: asyncpg.Connection, settings: UsageSettings) -> None:
    await prepare(owner)
    await register(owner, make_hold(expires_epoch_us=PAST))
    async with running(replacing(settings)) as service:
        await until(lambda: service.counts.expired == 1)
    assert await owner.fetchval("SELECT state FROM holds") == "EXPIRED"


async def test_after_the_old_key_is_gone_its_holds_are_forged(
    owner: asyncpg.Connection, settings: UsageSettings
) -> None:
    await prepare(owner)
    later = replacing(settings).model_copy(update={"previous_hold_signing_key": None})
    async with running(later) as service:
        await service.take(message(make_report(make_hold())))
        await until(lambda: service.counts.forged == 1)
    assert await owner.fetchval("SELECT count(*) FROM usage_records") == 0
