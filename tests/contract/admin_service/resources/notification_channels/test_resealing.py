"""While the key of channels is replaced, everything is sealed again, and nothing is lost."""

import os
from collections.abc import AsyncIterator

import asyncpg
import pytest

from admin_service.resources.notification_channels.resealing import Resealed, Resealing
from admin_service.wiring import ROLE
from gateway_core.runtime.settings import AdminSettings
from gateway_core.stores.channel_seals import Place, SealError, Use, open_seal, seal
from gateway_core.stores.postgres.connections import open_pool

OLD, NEW, LOST = (bytes([number]) * 32 for number in (1, 2, 3))


@pytest.fixture
async def resealing(settings: AdminSettings, people: None) -> AsyncIterator[Resealing]:
    async with open_pool(settings, ROLE) as pool:
        yield Resealing(pool, NEW, OLD, os.urandom)


async def add(owner: asyncpg.Connection, organization: str, channel: str, key: bytes) -> None:
    def sealed(text: str, use: Use) -> bytes:
        return seal(f"{text} of {channel}", Place(organization, channel, use), key, os.urandom)

    await owner.execute(
        "INSERT INTO notification_channels (organization_id, channel_id, kind, display_name, target_hint, sealed_target,"
        " sealed_secret, sealed_former_secret) VALUES ($1, $2, 'CALLBACK', $2, 'hint', $3, $4, $5)",
        organization,
        channel,
        sealed("target", "target"),
        sealed("secret", "secret"),
        sealed("former", "secret"),
    )


async def opened(owner: asyncpg.Connection, channel: str, key: bytes) -> list[str]:
    row = await owner.fetchrow("SELECT * FROM notification_channels WHERE channel_id = $1", channel)
    assert row is not None
    uses: tuple[tuple[str, Use], ...] = (
        ("sealed_target", "target"),
        ("sealed_secret", "secret"),
        ("sealed_former_secret", "secret"),
    )
    return [open_seal(row[column], Place(row["organization_id"], channel, use), (key,)) for column, use in uses]


async def test_what_the_previous_key_sealed_is_sealed_with_the_new_one(
    owner: asyncpg.Connection, resealing: Resealing
) -> None:
    await add(owner, "acme", "old", OLD)
    await add(owner, "other", "elsewhere", OLD)
    await add(owner, "acme", "new", NEW)
    before = await owner.fetch("SELECT channel_id, update_time FROM notification_channels ORDER BY channel_id")
    assert await resealing.seal_all() == Resealed(changed=2, unknown=0)
    for channel in ("old", "elsewhere", "new"):
        texts = [f"{text} of {channel}" for text in ("target", "secret", "former")]
        assert await opened(owner, channel, NEW) == texts
    with pytest.raises(SealError):
        await opened(owner, "old", OLD)
    assert await owner.fetch("SELECT channel_id, update_time FROM notification_channels ORDER BY channel_id") == before
    assert await resealing.seal_all() == Resealed(changed=0, unknown=0)


async def test_a_channel_that_no_key_opens_stays_and_is_counted(
    owner: asyncpg.Connection, resealing: Resealing, caplog: pytest.LogCaptureFixture
) -> None:
    await add(owner, "acme", "lost", LOST)
    await add(owner, "acme", "old", OLD)
    assert await resealing.seal_all() == Resealed(changed=1, unknown=1)
    assert await opened(owner, "lost", LOST) == ["target of lost", "secret of lost", "former of lost"]
    assert "no key opens a channel" in caplog.text


async def test_many_channels_are_read_by_pages(
    owner: asyncpg.Connection, resealing: Resealing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("admin_service.resources.notification_channels.resealing._PAGE", 2)
    for number in range(5):
        await add(owner, "acme", f"channel-{number}", OLD)
    assert await resealing.seal_all() == Resealed(changed=5, unknown=0)
