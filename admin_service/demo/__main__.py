"""`python -m admin_service.demo` seeds the demo organization and prints it, with its secrets, to standard output."""

import asyncio
import datetime as dt
import json
import secrets as randomness
import sys

from admin_service.demo.content import MEMBERS, TOKENS
from admin_service.demo.document import demo_document
from admin_service.demo.secret_file import SecretFileError, load_or_create
from admin_service.demo.seed import ended_tokens, seed_demo
from admin_service.demo.settings import DemoSettings
from gateway_core.model.organization.bearer_secrets import pepper_name
from gateway_core.runtime.settings import StartRefusedError, load_settings
from gateway_core.runtime.telemetry.logs import configure_logging
from gateway_core.stores.postgres.connections import open_pool
from gateway_core.stores.postgres.migrations import until_migrated


async def _seed(settings: DemoSettings) -> dict[str, object]:
    key_ids = [key.key_id for member in MEMBERS for key in member.keys]
    token_ids = [token.token_id for token in TOKENS]
    pepper = bytes.fromhex(settings.key_pepper.get_secret_value())
    life, now = dt.timedelta(days=settings.credential_max_life_days), dt.datetime.now(dt.UTC)
    await until_migrated(settings)
    async with (
        open_pool(settings, "megarouter_admin", pepper=pepper_name(pepper)) as pool,
        pool.acquire() as connection,
    ):
        ended = await ended_tokens(connection, now)
        secrets = load_or_create(
            settings.demo_secrets, key_ids, token_ids, randomness.token_bytes, ended_token_ids=ended
        )
        await seed_demo(connection, secrets, pepper, now, life, settings.inbox)
    return demo_document(secrets)


def main() -> None:
    """Runs the seeder."""
    try:
        settings = load_settings(DemoSettings)
        configure_logging("admin_service.demo", settings.log_level)
        document = asyncio.run(_seed(settings))
    except (StartRefusedError, SecretFileError) as error:
        sys.exit(str(error))
    json.dump(document, sys.stdout, indent=2)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
