"""Settings of the services, from `MEGAROUTER_*` environment variables. An unknown `MEGAROUTER_*` variable prevents the start."""

import os
import re
from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError

from gateway_core.model.organization.bearer_secrets import Peppers
from gateway_core.model.validation_problems import problems_of
from gateway_core.runtime.database_urls.postgres import require_one_place, require_place
from gateway_core.runtime.database_urls.redis import RedisUrl

PREFIX = "MEGAROUTER_"

_HEX_KEY = re.compile(r"[0-9a-fA-F]{64}")
_HOST_AND_PORT = re.compile(r"[^\s:/@\[\]]+:[0-9]{1,5}|\[[0-9a-fA-F:.]+\]:[0-9]{1,5}")

S = TypeVar("S", bound="ServiceSettings")

# Written to HOME/env for people and clients, or read by the runner or by the program of Envoy's configuration.
# A shell that starts a service may have them.
_CLIENT_VARIABLES = frozenset(
    {
        *("BASE_URL", "API_KEY", "ADMIN_URL", "ADMIN_ADDRESS", "ADMIN_TOKEN", "ORGANIZATION", "DATABASE_URL"),
        *("CA_FILE", "INBOX_URL", "INBOX_SECRET", "CONSOLE_URL", "ENVOY_BINARY", "ENVOY_MODULE", "DEMO_SECRETS"),
        *("ADMIN_ALLOWED_ORIGINS", "MODEL_ALLOWED_ORIGINS", "LOGIN_ISSUER", "LOGIN_CLIENT_ID", "DRAIN_GRACE_S"),
        *("PUBLIC_ADDRESS", "PUBLIC_HOST", "ALLOW_PLAIN_HTTP", "TLS_CERTIFICATE_FILE", "TLS_KEY_FILE"),
        *("TLS_CLIENT_CA_FILE", "TRUSTED_HOPS", "PROXY_PROTOCOL", "ENVOY_FOLDER", "SOCKETS_FOLDER"),
        *("CREDENTIALS_FOLDER", "EDGE_SECRET_FILE", "AUTHZ_WORKERS", "RATELIMIT_WORKERS", "CONSOLE", "MOCK_PROVIDER"),
    }
)


def _require_hex_key(value: SecretStr) -> SecretStr:
    if _HEX_KEY.fullmatch(value.get_secret_value()) is None:
        raise ValueError("must be 64 hexadecimal digits")
    return value


HexKey = Annotated[SecretStr, AfterValidator(_require_hex_key)]
Positive = Annotated[int, Field(gt=0, le=2**31)]
_FEWEST_MONTHS_OF_HOURS: Final = 14
_LONGEST_STORED_MS: Final = 3_650 * 24 * 3_600 * 1_000


class StartRefusedError(Exception):
    """The service cannot run with this configuration. The message says what to change."""


class SettingsError(StartRefusedError):
    """The environment does not describe a service that can start. The message names each variable and its fault."""


class ServiceSettings(BaseModel):
    """What every service needs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    listen: str
    """Address of the gRPC server: `unix:/path.sock` or `host:port`."""
    envoy_listen: Annotated[str, Field(pattern=r"^unix:/")] | None = None
    """Unix socket, `unix:/path.sock`, where Envoy calls over the lean transport. `MEGAROUTER_LISTEN` serves other clients."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """Lowest level that is logged: `DEBUG`, `INFO`, `WARNING` or `ERROR`."""
    metrics_listen: Annotated[str, Field(pattern=r"^[^\s:/@]+:[0-9]{1,5}$")] | None = None
    """Address, `host:port`, where Prometheus scrapes the metrics. None: no scraping."""
    shutdown_grace_ms: Positive = 5_000
    """How long a stopping service waits for the calls in progress."""


class DatabaseSettings(ServiceSettings):
    """A service that uses PostgreSQL. Each logs in as its own role, with its own URL variable."""

    database_pool_size: Positive = 4
    """Connections in the pool."""
    database_pooler: Annotated[str, AfterValidator(require_place)] | None = None
    """`postgresql://host:port` of a pooler in transaction mode, such as PgBouncer. The pool logs in there as the service's URL
    says. That URL stays direct, for what listens or locks for longer than a transaction. None: the pool uses it too."""
    database_timeout_ms: Positive = 5_000
    """Limit for connecting and for each statement."""
    schema_wait_ms: Positive = 60_000
    """How long a starting service waits for the migration before it exits with status 1."""

    @property
    @abstractmethod
    def database_url(self) -> SecretStr:
        """The URL with which the service logs in."""


class AuthzSettings(DatabaseSettings):
    """Settings of authz_service."""

    authz_database_url: SecretStr
    """PostgreSQL, logging in as `megarouter_authz`."""
    redis_url: RedisUrl
    """`redis://` or `rediss://` for one server, `redis+cluster://` or `rediss+cluster://` for a cluster. Eviction must be off."""
    hold_signing_key: HexKey
    """64 hexadecimal digits that sign holds."""
    key_pepper: HexKey
    """64 hexadecimal digits; API keys and access tokens are hashed with them."""
    previous_key_pepper: HexKey | None = None
    """While the pepper is replaced: the old one. Secrets hashed with it are accepted, and hashed again when they are used."""
    next_key_pepper: HexKey | None = None
    """While the pepper is replaced: the one that other replicas already use. Secrets hashed with it are accepted."""
    identity_cache_entries: Positive = 100_000
    """Identities kept in memory, 0.6 to 2.5 KB each. The 20,000 that called last take 3 KB more."""
    identity_max_age_ms: Annotated[int, Field(gt=0, le=3_600_000)] = 30_000
    """Longest time that an identity is used without reading it again, even if no change was pushed."""
    hold_flush_interval_ms: Positive = 100
    """How long placed holds wait to share one statement into the holds table."""
    hold_queue_entries: Positive = 20_000
    """Holds that may wait for PostgreSQL; when the queue is full, calls are refused."""
    hold_life_ms: Positive = 2 * 3_600 * 1_000
    """When a hold without a report expires. It must exceed the longest stream that Envoy allows (one hour)."""

    @property
    def peppers(self) -> Peppers:
        """The accepted peppers."""
        return _peppers(self.key_pepper, self.previous_key_pepper, self.next_key_pepper)

    @property
    def database_url(self) -> SecretStr:
        """The URL, which logs in as `megarouter_authz`."""
        return self.authz_database_url


class RateLimitSettings(ServiceSettings):
    """Settings of ratelimit_service."""

    redis_url: RedisUrl
    """`redis://` or `rediss://` for one server, `redis+cluster://` or `rediss+cluster://` for a cluster. Eviction must be off."""
    rate_limit_rules_folder: Path | None = None
    """Folder of YAML files with rate limits of other domains, in the format of envoyproxy/ratelimit. Changes are picked up."""
    rate_limit_merge_domains: bool = False
    """Whether several of these files may have rules of one domain."""


def _months_of_hours(months: int) -> int:
    # The search for unusual days reaches back 400 days.
    if months != 0 and months < _FEWEST_MONTHS_OF_HOURS:
        raise ValueError(f"must be 0 or at least {_FEWEST_MONTHS_OF_HOURS}")
    return months


class UsageSettings(DatabaseSettings):
    """Settings of usage_service."""

    usage_database_url: SecretStr
    """PostgreSQL, logging in as `megarouter_usage`."""
    redis_url: RedisUrl
    """`redis://` or `rediss://` for one server, `redis+cluster://` or `rediss+cluster://` for a cluster. Eviction must be off."""
    hold_signing_key: HexKey
    """64 hexadecimal digits that sign holds."""
    previous_hold_signing_key: HexKey | None = None
    """While the key is replaced: the old one. Holds signed with it still settle."""
    journal_file: Path
    """Envoy's journal."""
    settle_batch_entries: Positive = 500
    """Most calls that one transaction settles."""
    settle_interval_ms: Positive = 80
    """How long a batch is collected."""
    settle_queue_entries: Positive = 50_000
    """Reports that may wait; when the queue is full, the stream is not read further."""
    journal_delay_ms: Positive = 1_000
    """How far the journal is read behind the stream, so that a settled call is recognized without a query."""
    envoy_admin_url: Annotated[str, Field(pattern=r"^(http://[^/@]+|unix:/.+)$")] | None = None
    """Envoy's admin page, `unix:/path.sock` or `http://host:port`. None: the journal is not rotated."""
    journal_rotate_bytes: Positive = 64 * 1024 * 1024
    """Size at which the journal is rotated."""
    journal_keep_segments: Annotated[int, Field(ge=0, le=10_000)] = 2
    """Settled segments that are kept."""
    sweep_interval_ms: Positive = 1_000
    """How often expired holds are swept."""
    sweep_batch_entries: Positive = 500
    """Most holds that one transaction expires."""
    stored_object_life_ms: Annotated[int, Field(gt=0, le=_LONGEST_STORED_MS)] = 30 * 24 * 3_600 * 1_000
    """How long a caller may name what an answer handed out, such as a response that the provider stores."""
    hours_retention_months: Annotated[int, AfterValidator(_months_of_hours)] = 0
    """Whole months whose hours of usage are kept besides the running one: 14 or more, or 0 for all."""
    alert_retention_days: Annotated[int, Field(ge=31, le=3_650)] = 400
    """How long alerts are kept, with what was sent about them. What is still to be sent, and what opened an incident, stays."""
    reconcile_interval_ms: Positive = 15_000
    """How often the open holds in Redis are compared with the holds table. What differs twice in a row is rebuilt."""

    @property
    def signing_keys(self) -> tuple[bytes, ...]:
        """The keys of accepted holds, the current one first."""
        given = (self.hold_signing_key, self.previous_hold_signing_key)
        return tuple(key_bytes(key) for key in given if key is not None)

    @property
    def database_url(self) -> SecretStr:
        """The URL, which logs in as `megarouter_usage`."""
        return self.usage_database_url


def _require_addresses(value: str) -> str:
    for one in value.split(","):
        if one and _HOST_AND_PORT.fullmatch(one.strip()) is None:
            raise ValueError("must be host:port, separated by commas")
    return value


class TargetSettings(ServiceSettings):
    """Settings of services that read targets of alerts."""

    notification_allowed_targets: Annotated[str, AfterValidator(_require_addresses)] = ""
    """Internal servers that alerts may be sent to, `host:port` separated by commas. To these, `http://` is allowed, too. All
    other targets must be `https://` on port 443 with public addresses."""


class NotificationSettings(DatabaseSettings, TargetSettings):
    """Settings of notification_service."""

    notification_database_url: SecretStr
    """PostgreSQL, logging in as `megarouter_notification`."""
    channel_key: HexKey
    """64 hexadecimal digits that seal the targets and secrets of notification channels."""
    previous_channel_key: HexKey | None = None
    """While the key is replaced: the old one. What it sealed can still be opened."""
    smtp_address: Annotated[str, Field(pattern=r"^[^\s:/@]+:[0-9]{1,5}$")] | None = None
    """Mail server, `host:port`. None: requests of invoices wait, and alerts go to no address."""
    smtp_security: Literal["starttls", "tls", "none"] = "starttls"
    """`starttls`, `tls` or `none`."""
    smtp_username: str | None = None
    """Account at the mail server."""
    smtp_password_file: Path | None = None
    """File with the password; it is read for each message."""
    mail_sender: Annotated[str, Field(pattern=r"^[^\s@<>]+@[^\s@<>]+$", max_length=254)] = "megarouter@localhost"
    """Sender address of messages."""

    @property
    def channel_keys(self) -> tuple[bytes, ...]:
        """The keys that open what is sealed, the current one first."""
        return tuple(key_bytes(key) for key in (self.channel_key, self.previous_channel_key) if key is not None)

    @property
    def database_url(self) -> SecretStr:
        """The URL, which logs in as `megarouter_notification`."""
        return self.notification_database_url


class AdminSettings(DatabaseSettings, TargetSettings):
    """Settings of admin_service."""

    admin_database_url: SecretStr
    """PostgreSQL, logging in as `megarouter_admin`."""
    database_replica: Annotated[str, AfterValidator(require_one_place)] | None = None
    """`postgresql://host:port` of a streaming replica for questions about usage and for large exports. None: the primary."""
    replica_lag_ms: Positive = 5_000
    """How far the replica may be behind. If it is further behind, or away, the primary answers."""
    redis_url: RedisUrl
    """`redis://` or `rediss://` for one server, `redis+cluster://` or `rediss+cluster://` for a cluster. Eviction must be off."""
    key_pepper: HexKey
    """64 hexadecimal digits; API keys and access tokens are hashed with them."""
    previous_key_pepper: HexKey | None = None
    """While the pepper is replaced: the old one. Secrets hashed with it are accepted, and hashed again when they are used."""
    next_key_pepper: HexKey | None = None
    """While the pepper is replaced: the one that other replicas already use. Secrets hashed with it are accepted."""
    edge_secret: HexKey | None = None
    """64 hexadecimal digits, also in Envoy's `edge-secret` file: proof that a call came through Envoy.

    None: identity providers cannot be used, and the audit log has no client addresses."""
    previous_edge_secret: HexKey | None = None
    """While the secret is replaced: the old one, which Envoy may still send."""
    catalog_file: Path
    """The catalog of providers, models and prices."""
    invite_page_url: Annotated[str, Field(pattern=r"^https?://[!-\"$-~]+$", max_length=500)] | None = None
    """Page that invite links lead to: a link is this URL, `#` and the token. None: invites have a token and no link."""
    identity_providers_file: Path | None = None
    """File of the OpenID Connect issuers that are accepted, the domains they may vouch for, and whose claims map to roles."""
    sign_in_token_max_life_h: Annotated[int, Field(gt=0, le=400 * 24)] = 90 * 24
    """Longest life of an access token that is created from a sign-in, in hours."""
    super_admin_token_max_life_h: Annotated[int, Field(gt=0, le=400 * 24)] = 24
    """How long such a token carries the rights of a Super Admin or an operator, in hours."""
    credential_max_life_days: Annotated[int, Field(gt=0, le=3_650)] = 365
    """Longest life of a credential for a SCIM connection or for automation, in days."""
    sign_in_link_life_h: Annotated[int, Field(gt=0, le=30 * 24)] = 24
    """How long a sign-in link can be used, in hours."""
    sign_in_page_url: Annotated[str, Field(pattern=r"^https?://[!-\"$-~]+$", max_length=500)] | None = None
    """Page that sign-in links lead to: a link is this URL, `#` and the secret. None: they have a secret and no link."""
    report_page_url: Annotated[str, Field(pattern=r"^https?://[!-\"$-~]+$", max_length=500)] | None = None
    """Page that links to shared reports lead to: a link is this URL, `#` and the secret. None: they have a secret and no link."""
    model_url: Annotated[str, Field(pattern=r"^https?://[!-\"$-~]+[^/]$", max_length=500)] | None = None
    """Address at which Envoy takes calls of models, without a path, to have analyses of usage written. None: none are written."""
    operators: str = ""
    """Operators of the deployment, separated by spaces: `user:ID`, or `ISSUER#subject=SUBJECT`, `ISSUER#email=ADDRESS` or
    `ISSUER#claim:NAME=VALUE` with the URL of an identity provider. They alone create credit."""
    organization_creation: Literal["operators", "anyone"] = "operators"
    """Who may create organizations: `operators` or `anyone` who signs in. A new organization has no credit and no credit line."""
    personal_accounts: bool = True
    """Whether every user has a personal account, without credit until an operator grants some. If not, its keys do not call."""
    channel_key: HexKey | None = None
    """64 hexadecimal digits that seal the targets and secrets of notification channels. None: no channel can be created."""
    previous_channel_key: HexKey | None = None
    """While the key is replaced: the old one. What it sealed is sealed again with the new one, within a minute."""
    credential_key: HexKey | None = None
    """64 hexadecimal digits that seal the credentials of providers that operators set. None: none can be set."""
    previous_credential_key: HexKey | None = None
    """While the key is replaced: the old one. What it sealed is sealed again with the new one, within a minute."""
    discovery_listen: Annotated[str, Field(pattern=r"^unix:/[!-~]{1,100}$")] | None = None
    """`unix:/path.sock` where Envoy asks for its providers. None: discovery is not served."""
    live_folder: Path | None = None
    """The directory `live` in that of Envoy's configuration, which this service shares with it. Set with `discovery_listen`."""
    report_key_file: Path | None = None
    """PEM file of the private key that signs usage reports: RSA, an elliptic curve or Ed25519, without a password. None: reports
    are not signed."""
    report_certificate_file: Path | None = None
    """PEM file of the key's certificate, and after it those of its issuers."""

    @property
    def peppers(self) -> Peppers:
        """The accepted peppers."""
        return _peppers(self.key_pepper, self.previous_key_pepper, self.next_key_pepper)

    @property
    def sealing_key(self) -> bytes | None:
        """The key that seals targets and secrets of channels."""
        return None if self.channel_key is None else key_bytes(self.channel_key)

    @property
    def previous_sealing_key(self) -> bytes | None:
        """The key before it; None if it is not being replaced."""
        return None if self.previous_channel_key is None else key_bytes(self.previous_channel_key)

    @property
    def edge_secrets(self) -> tuple[str, ...]:
        """The accepted secrets of Envoy, the current one first; empty for none."""
        given = (self.edge_secret, self.previous_edge_secret)
        return tuple(secret.get_secret_value() for secret in given if secret is not None)

    @property
    def database_url(self) -> SecretStr:
        """The URL, which logs in as `megarouter_admin`."""
        return self.admin_database_url


def key_bytes(key: SecretStr) -> bytes:
    """Returns the bytes that a `HexKey` stands for."""
    return bytes.fromhex(key.get_secret_value())


class TokenSettings(ServiceSettings):
    """Settings of token_service."""

    token_sources_file: Path
    """JSON array of the accounts that want tokens. It contains no secret."""
    token_request_timeout_ms: Positive = 10_000
    """How long a request for a token may take."""


def _peppers(current: SecretStr, previous: SecretStr | None, following: SecretStr | None) -> Peppers:
    return Peppers(
        key_bytes(current),
        None if previous is None else key_bytes(previous),
        None if following is None else key_bytes(following),
    )


SETTINGS_BY_SERVICE: Final[dict[str, type[ServiceSettings]]] = {
    "authz": AuthzSettings,
    "ratelimit": RateLimitSettings,
    "usage": UsageSettings,
    "admin": AdminSettings,
    "notification": NotificationSettings,
    "token": TokenSettings,
}


def _known_variables() -> frozenset[str]:
    known = {name.upper() for settings in SETTINGS_BY_SERVICE.values() for name in settings.model_fields}
    return _CLIENT_VARIABLES | known


def load_settings(settings_class: type[S], environment: Mapping[str, str] = os.environ) -> S:
    """Reads the settings of one service.

    Raises:
        SettingsError: a variable is missing or malformed, or an unknown one has the prefix `MEGAROUTER_`.
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
        # Report only the variable and the message, because the value may be a secret.
        problems = "; ".join(f"{PREFIX}{place.partition('.')[0].upper()}: {text}" for place, text in problems_of(error))
        raise SettingsError(problems) from None
