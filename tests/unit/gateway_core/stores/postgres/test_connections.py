"""What a service says about a database URL with which no attempt could succeed."""

import asyncio
from pathlib import Path

import pytest

from gateway_core.runtime.settings import NotificationSettings, StartRefusedError, load_settings
from gateway_core.stores.postgres.connections import open_pool
from gateway_core.stores.postgres.migrations import until_migrated

PASSWORD = "a-password-of-the-database"


async def test_a_url_without_the_authority_that_it_asks_for_is_refused_instead_of_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a container, whose user has no `~/.postgresql/root.crt`."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("PGSSLROOTCERT", raising=False)
    url = f"postgresql://megarouter_notification:{PASSWORD}@127.0.0.1:1/megarouter?sslmode=verify-full"
    environment = {
        "MEGAROUTER_LISTEN": "unix:/run/megarouter/notification.sock",
        "MEGAROUTER_CHANNEL_KEY": "ab" * 32,
        "MEGAROUTER_NOTIFICATION_DATABASE_URL": url,
    }
    settings = load_settings(NotificationSettings, environment)
    for start in (until_migrated(settings), open_pool(settings, "megarouter_notification").__aenter__()):
        with pytest.raises(StartRefusedError, match=r"root\.crt") as refused:
            async with asyncio.timeout(30):
                await start
        assert PASSWORD not in str(refused.value)
