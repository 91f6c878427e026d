"""Keys that come near their expiry, or are unused for long, are told once, and not what was so before."""

import datetime as dt

import pytest

from tests.contract.usage_service.alerts.sources.conftest import Company


def within(days: float) -> dt.datetime:
    return dt.datetime.now(dt.UTC) + dt.timedelta(days=days)


@pytest.fixture(autouse=True)
async def _looked_an_hour_ago(company: Company) -> None:
    await company.owner.execute("UPDATE alert_positions SET looked_until = now() - interval '1 hour'")


async def unchanged(company: Company) -> None:
    """Keys that nobody has changed for long."""
    await company.owner.execute("ALTER TABLE api_keys DISABLE TRIGGER USER")
    await company.owner.execute("UPDATE api_keys SET update_time = now() - interval '90 days'")


async def test_a_key_that_comes_within_seven_days_of_its_expiry_is_told_once(company: Company) -> None:
    await company.rule("key.expiring")
    for key, days in (("near", 7 - 0.01), ("far", 7 + 0.01), ("past", 7 - 0.5)):
        await company.key(key, create_time=within(-30), expire_time=within(days))
    await unchanged(company)
    await company.step(look=True)
    await company.step(look=True)
    assert await company.told() == ["key.expiring api_key near"]
    assert await company.inbox() == ["mia"]


async def test_a_key_that_somebody_gave_an_earlier_end_is_told(company: Company) -> None:
    await company.rule("key.expiring", expires_in_days=3)
    await company.key("soon", create_time=within(-30), expire_time=within(1.5))
    await company.step(look=True)
    assert await company.told() == ["key.expiring api_key soon"]


async def test_a_key_that_was_made_for_less_than_the_warning_time_is_not_told(company: Company) -> None:
    await company.rule("key.expiring", expires_in_days=3)
    await company.key("brief", expire_time=within(3 - 0.01))
    await company.step(look=True)
    assert await company.told() == []


async def test_an_old_key_that_gets_another_hour_is_not_told(company: Company) -> None:
    await company.rule("key.expiring")
    await company.key("playground-mia", create_time=within(-30), expire_time=within(1 / 24))
    await company.step(look=True)
    assert await company.told() == []


async def test_keys_that_are_disabled_or_past_are_not_told(company: Company) -> None:
    await company.rule("key.expiring")
    await company.key("off", create_time=within(-30), expire_time=within(1.5), state="DISABLED")
    await company.key("over", create_time=within(-30), expire_time=within(-1))
    await company.step(look=True)
    assert await company.told() == []


async def test_a_key_that_becomes_unused_for_so_many_days_is_told_once(company: Company) -> None:
    await company.rule("key.unused", unused_days=30)
    for key, days in (("now", 30.01), ("long", 31.0), ("not-yet", 29.9)):
        await company.key(key)
        await company.owner.execute("UPDATE standings SET last_use_time = $1 WHERE id = $2", within(-days), key)
    await company.step(look=True)
    await company.step(look=True)
    assert await company.told() == ["key.unused api_key now"]
    assert (await company.data())["days"] == 30


async def test_a_key_that_was_never_used_counts_from_its_creation(company: Company) -> None:
    await company.rule("key.unused", unused_days=30)
    await company.key("never", create_time=within(-30.01))
    await company.step(look=True)
    assert (await company.data())["lastUseTime"] is None


async def test_the_first_look_tells_nothing(company: Company) -> None:
    await company.owner.execute("UPDATE alert_positions SET looked_until = NULL")
    await company.rule("key.expiring", "key.unused", unused_days=30)
    await company.key("near", create_time=within(-30), expire_time=within(1.5))
    await company.key("never", create_time=within(-30.01))
    await company.step(look=True)
    assert await company.told() == []
