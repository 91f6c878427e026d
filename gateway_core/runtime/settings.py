"""Settings of the services, from `MEGAROUTER_*` environment variables. A misspelt variable of ours stops the start."""

import os
import re
from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError

from gateway_core.runtime.redis_urls import is_cluster_url, parse_cluster_url

PREFIX = "MEGAROUTER_"

_HEX_KEY = re.compile(r"[0-9a-fA-F]{64}")

S = TypeVar("S", bound="ServiceSettings")

# Written to HOME/env for people and clients, or read by the runner, so a shell that starts a service may have them.
_CLIENT_VARIABLES = frozenset(
    {
        *("BASE_URL", "API_KEY", "ADMIN_URL", "ADMIN_ADDRESS", "ADMIN_TOKEN", "ORGANIZATION", "DATABASE_URL"),
        *("ENVOY_BINARY", "DEMO_SECRETS", "ADMIN_ALLOWED_ORIGINS", "IDENTITY_PROVIDERS_FILE"),
    }
)


def _require_hex_key(value: SecretStr) -> SecretStr:
    if _HEX_KEY.fullmatch(value.get_secret_value()) is None:
        raise ValueError("must be 64 hexadecimal digits")
    return value


def _require_readable_redis_url(value: SecretStr) -> SecretStr:
    if is_cluster_url(value.get_secret_value()):
        parse_cluster_url(value.get_secret_value())
    return value


HexKey = Annotated[SecretStr, AfterValidator(_require_hex_key)]
RedisUrl = Annotated[SecretStr, AfterValidator(_require_readable_redis_url)]
"""`redis://` or `rediss://` for one server, `redis+cluster://` or `rediss+cluster://` for a Redis Cluster."""
Positive = Annotated[int, Field(gt=0, le=2**31)]


class StartRefusedError(Exception):
    """The service cannot run as it was started; the message says what to change."""


class SettingsError(StartRefusedError):
    """The environment does not describe a service that can start; the message names each variable and what is wrong."""


class ServiceSettings(BaseModel):
    """What every service needs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    listen: str
    """`unix:/path/to.sock` or `host:port` of the gRPC server."""
    envoy_listen: Annotated[str, Field(pattern=r"^unix:/")] | None = None
    """`unix:/path/to.sock` where Envoy's calls come by the lean transport; only for services that decide on every call."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    metrics_listen: Annotated[str, Field(pattern=r"^[^\s:/@]+:[0-9]{1,5}$")] | None = None
    """`host:port` where Prometheus may read the metrics. Without it they are only exported, or off."""
    shutdown_grace_ms: Positive = 5_000
    """How long a stopping service waits for calls under way."""


class DatabaseSettings(ServiceSettings):
    """A service that uses PostgreSQL. Each logs in as a role of its own, so each has a variable of its own for the URL."""

    database_pool_size: Positive = 4
    database_timeout_ms: Positive = 5_000
    schema_wait_ms: Positive = 60_000
    """How long a starting service waits for a database that is not migrated yet, before it ends."""

    @property
    @abstractmethod
    def database_url(self) -> SecretStr:
        """The URL with which the service logs in."""


class AuthzSettings(DatabaseSettings):
    """authz_service."""

    authz_database_url: SecretStr
    redis_url: RedisUrl
    hold_signing_key: HexKey
    key_pepper: HexKey
    identity_cache_entries: Positive = 100_000
    identity_max_age_ms: Annotated[int, Field(gt=0, le=3_600_000)] = 30_000
    """A cached identity is read anew after this long even if no change was pushed."""
    hold_flush_interval_ms: Positive = 100
    """How long placed holds wait to reach the register together."""
    hold_queue_entries: Positive = 20_000
    """Holds waiting for the register; when full, calls are refused until PostgreSQL catches up."""
    hold_life_ms: Positive = 2 * 3_600 * 1_000
    """When a hold without a report expires: longer than Envoy lets any stream live."""

    @property
    def database_url(self) -> SecretStr:
        """Logs in as `megarouter_authz`."""
        return self.authz_database_url


class RateLimitSettings(ServiceSettings):
    """ratelimit_service."""

    redis_url: RedisUrl
    rate_limit_rules_folder: Path | None = None
    """YAML files of rules for other domains, in the format of envoyproxy/ratelimit. Without it there is the gateway's own alone."""


class UsageSettings(DatabaseSettings):
    """usage_service."""

    usage_database_url: SecretStr
    redis_url: RedisUrl
    hold_signing_key: HexKey
    journal_file: Path
    settle_batch_entries: Positive = 500
    settle_interval_ms: Positive = 20
    settle_queue_entries: Positive = 50_000
    journal_delay_ms: Positive = 1_000
    """The journal is read this far behind the stream, so that a settled call is recognised without asking the database."""
    envoy_admin_url: Annotated[str, Field(pattern=r"^http://[^/@]+$")] | None = None
    """Where Envoy is asked to open its journal anew, `http://host:port`. Without it the journal is not rotated."""
    journal_rotate_bytes: Positive = 64 * 1024 * 1024
    """The size at which the journal is set aside."""
    journal_keep_segments: Annotated[int, Field(ge=0, le=10_000)] = 2
    """How many settled segments are kept."""
    sweep_interval_ms: Positive = 1_000
    """How often expired holds are looked for."""
    sweep_batch_entries: Positive = 500
    """Holds expired in one transaction, at most."""
    reconcile_interval_ms: Positive = 15_000
    """How often the open holds in Redis are compared with the register; what differs twice in a row is rebuilt."""

    @property
    def database_url(self) -> SecretStr:
        """Logs in as `megarouter_usage`."""
        return self.usage_database_url


class AdminSettings(DatabaseSettings):
    """admin_service."""

    admin_database_url: SecretStr
    redis_url: RedisUrl
    """Where the live counters are that an explanation of a decision reads; nothing is written."""
    key_pepper: HexKey
    edge_secret: HexKey | None = None
    """By it Envoy proves that a call came through it. Without it no call is believed to."""
    catalog_file: Path
    invite_page_url: Annotated[str, Field(pattern=r"^https?://[!-\"$-~]+$", max_length=500)] | None = None
    """The page for invites: a link is this, `#` and the token. Without it there are tokens alone."""
    smtp_address: Annotated[str, Field(pattern=r"^[^\s:/@]+:[0-9]{1,5}$")] | None = None
    """`host:port` of the mail server. Without it messages to people wait."""
    smtp_security: Literal["starttls", "tls", "none"] = "starttls"
    smtp_username: str | None = None
    smtp_password_file: Path | None = None
    mail_sender: Annotated[str, Field(pattern=r"^[^\s@<>]+@[^\s@<>]+$", max_length=254)] = "megarouter@localhost"
    """The address that messages to people come from."""

    @property
    def database_url(self) -> SecretStr:
        """Logs in as `megarouter_admin`."""
        return self.admin_database_url


def _known_variables() -> frozenset[str]:
    classes = (AuthzSettings, RateLimitSettings, UsageSettings, AdminSettings)
    return _CLIENT_VARIABLES | {name.upper() for settings in classes for name in settings.model_fields}


def load_settings(settings_class: type[S], environment: Mapping[str, str] = os.environ) -> S:
    """Reads the settings of one service.

    Raises:
        SettingsError: a variable is missing, malformed, or bears our prefix and is not known.
    """
    known = _known_variables()
    unknown = sorted(name for name in environment if name.startswith(PREFIX) and name.removeprefix(PREFIX) not in known)
    if unknown:
        raise SettingsError(f"unknown settings {', '.join(unknown)}: correct the name or unset it")
    try:
        return settings_class.model_validate(
            {
                name: environment[variable]
                for name in settings_class.model_fields
                if (variable := PREFIX + name.upper()) in environment
            }
        )
    except ValidationError as error:
        # Only place and message: the offending value may be a secret.
        problems = "; ".join(f"{PREFIX}{str(item['loc'][0]).upper()}: {item['msg']}" for item in error.errors())
        raise SettingsError(problems) from None
