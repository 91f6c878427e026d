"""Builds admin_service as a gRPC service."""

import asyncio
import datetime as dt
import logging
import secrets
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext, suppress
from typing import Any, Final

import asyncpg
import grpc

from admin_service.access.directory import Directory
from admin_service.access.identity_tokens import EdgeProof
from admin_service.access.link_grants import LinkGrants
from admin_service.access.operators import Operators, parse_operators
from admin_service.analytics.replicas.reads import Reads, open_reads
from admin_service.analytics.reports.rendering import Renderer
from admin_service.analytics.signatures.keys import SigningFiles, SigningKeyError, load_signing_key, signing_files
from admin_service.analytics.writing.model_call import ModelCaller
from admin_service.discovery.resealing import keep_resealing
from admin_service.discovery.serving import following_database, serving_discovery
from admin_service.listing.page_tokens import PageTokens
from admin_service.resources.access_tokens.lives import TokenLives
from admin_service.resources.access_tokens.member_tokens import MemberAccessTokensApi
from admin_service.resources.access_tokens.service import AccessTokensApi
from admin_service.resources.accounts.service import AccountsApi
from admin_service.resources.analyses.service import AnalysesApi
from admin_service.resources.analytics.service import AnalyticsApi
from admin_service.resources.anomalies.service import AnomaliesApi
from admin_service.resources.api_keys.changes import KeyMaker
from admin_service.resources.api_keys.service import ApiKeysApi
from admin_service.resources.audit_log.service import AuditLogApi
from admin_service.resources.catalog.service import CatalogApi
from admin_service.resources.catalog_changes.sealing import CredentialKeys
from admin_service.resources.catalog_changes.service import CatalogChangesApi
from admin_service.resources.claim_mappings.application import ClaimApplication
from admin_service.resources.claim_mappings.service import ClaimMappingsApi
from admin_service.resources.credentials.service import CredentialsApi
from admin_service.resources.credits.service import CreditsApi
from admin_service.resources.export_schedules.running import ScheduleRunner
from admin_service.resources.export_schedules.service import ExportSchedulesApi
from admin_service.resources.groups.service import GroupsApi
from admin_service.resources.guardrail_defaults.service import GuardrailDefaultsApi
from admin_service.resources.guardrails.explainer import AccessExplainer
from admin_service.resources.guardrails.service import GuardrailsApi
from admin_service.resources.invites.service import InvitesApi
from admin_service.resources.mail_preferences.service import MailPreferencesApi
from admin_service.resources.member_imports.importing import MemberImports
from admin_service.resources.members.identities import IdentityLinks
from admin_service.resources.members.service import MembersApi
from admin_service.resources.notification_channels.resealing import Resealing
from admin_service.resources.notification_channels.service import NotificationChannelsApi
from admin_service.resources.notification_deliveries.service import NotificationDeliveriesApi
from admin_service.resources.notification_rules.service import NotificationRulesApi
from admin_service.resources.notifications.service import NotificationsApi
from admin_service.resources.operators.deployment_settings import apply_deployment_settings
from admin_service.resources.operators.service import OperatorsApi
from admin_service.resources.organizations.personal import PersonalAccounts
from admin_service.resources.organizations.purging import keep_purging
from admin_service.resources.organizations.service import OrganizationsApi
from admin_service.resources.own_credentials.service import OwnProviderCredentialsApi
from admin_service.resources.personal_channels.service import PersonalChannelsApi
from admin_service.resources.routing_policies.explainer import RoutingExplainer
from admin_service.resources.routing_policies.savings import SavingsReader
from admin_service.resources.routing_policies.service import RoutingPoliciesApi
from admin_service.resources.service_accounts.service import ServiceAccountsApi
from admin_service.resources.sign_in_links.changes import SignInLinkMaker
from admin_service.resources.sign_in_links.service import SignInLinksApi
from admin_service.resources.usage.service import UsageApi
from admin_service.resources.usage_exports.downloads import FilesApi, files_handler
from admin_service.resources.usage_exports.reading import replica_settings
from admin_service.resources.usage_exports.running import ExportRunner, process_of
from admin_service.resources.usage_exports.service import UsageExportsApi
from admin_service.resources.usage_exports.sharing import ReportSharing
from admin_service.resources.usage_reports.service import UsageReportsApi
from admin_service.resources.virtual_models.service import VirtualModelsApi
from admin_service.scim.endpoint import ScimApi, scim_handler
from admin_service.serving.change_transaction import Changes
from admin_service.serving.guard import Guard, ResourceApi
from admin_service.serving.questions import Questions
from admin_service.sign_in.issuers import Issuers, IssuersError, read_issuers
from admin_service.sign_in.people import BearerTokens, IdentityTokens
from gateway_core.model.alerts.targets import AllowedTargets
from gateway_core.model.catalog.entries import Catalog
from gateway_core.model.ids import make_id
from gateway_core.runtime.background import in_background
from gateway_core.runtime.settings import AdminSettings, StartRefusedError, key_bytes
from gateway_core.runtime.telemetry import dependencies
from gateway_core.runtime.telemetry.metrics import NO_METRICS, Metrics
from gateway_core.runtime.telemetry.tracing import Tracing
from gateway_core.runtime.unary import UnaryMethod
from gateway_core.stores.postgres.catalog_store import sync_catalog
from gateway_core.stores.postgres.connections import UNAVAILABLE, open_pool, until_available
from gateway_core.stores.postgres.migrations import until_migrated
from gateway_core.stores.redis.connections import open_pipelined
from gateway_core.stores.redis.deployments import DeploymentStandings
from gateway_core.stores.redis.pipelined import PipelinedClient

logger = logging.getLogger(__name__)

ROLE: Final = "megarouter_admin"
_PROBE_INTERVAL_S: Final = 0.5
_PROBE_TIMEOUT_S: Final = 1.0


class AdminService:
    """The service that the service shell runs."""

    def __init__(
        self, pool: asyncpg.Pool, apis: Sequence[ResourceApi], scim: ScimApi, files: FilesApi, guard: Guard
    ) -> None:
        self._pool = pool
        self._handlers: list[grpc.GenericRpcHandler[Any, Any]] = [guard.generic_handler(api) for api in apis]
        self._handlers += [scim_handler(guard, scim), files_handler(guard, files)]
        self.service_names: Sequence[str] = tuple(api.service.full_name for api in (*apis, scim, files))
        self.health_names: Sequence[str] = ()
        self.unary_methods: Sequence[UnaryMethod] = ()
        self._answers = False

    def add_to(self, server: grpc.aio.Server) -> None:
        """Registers the handlers."""
        server.add_generic_rpc_handlers(self._handlers)

    def begin_stop(self) -> None:
        """Does nothing: every call of this service ends by itself."""

    def is_ready(self) -> bool:
        """Whether PostgreSQL answered the last probe."""
        return self._answers

    async def watch_database(self) -> None:
        """Probes PostgreSQL until canceled."""
        while True:
            answers = await self._probe()
            if answers != self._answers:
                logger.info("PostgreSQL answers" if answers else "PostgreSQL does not answer")
            self._answers = answers
            await asyncio.sleep(_PROBE_INTERVAL_S)

    async def _probe(self) -> bool:
        with suppress(*UNAVAILABLE, asyncpg.PostgresError):
            async with asyncio.timeout(_PROBE_TIMEOUT_S):
                return await self._pool.fetchval("SELECT true") is True
        return False


@asynccontextmanager
async def open_service(
    settings: AdminSettings, tracing: Tracing, catalog: Catalog, metrics: Metrics = NO_METRICS
) -> AsyncIterator[AdminService]:
    """Opens the service with its connections, and stores the catalog. Waits forever for PostgreSQL and for its schema.

    Raises:
        StartRefusedError: the database does not have the schema of this release, or the settings log in as another role.
    """
    operators, issuers = _operators(settings), _issuers(settings)
    async with (
        serving_discovery(settings) as discovery,
        _pool_of_current_schema(settings) as pool,
        open_pipelined(settings.redis_url.get_secret_value()) as redis,
        open_reads(settings, ROLE, pool) as reads,
    ):
        await until_available(lambda: _store(pool, catalog, settings))
        peppers = settings.peppers
        page_tokens = PageTokens(peppers.current, time.time, peppers.others)
        proof = EdgeProof(*settings.edge_secrets)
        claims = ClaimApplication(pool, _new_id)
        directory = Directory(pool, peppers, operators)
        identities = BearerTokens(
            directory,
            IdentityTokens(pool, proof, _make_user_id, operators, issuers, claims.apply),
            LinkGrants(pool, peppers),
        )
        guard = Guard(
            pool,
            identities,
            proof,
            tracing,
            make_incident_id=lambda: secrets.token_hex(8),
            questions=Questions(settings.database_pool_size),
            offers_personal_accounts=settings.personal_accounts,
        )
        apis = _apis(settings, pool, reads, redis, page_tokens, issuers, IdentityLinks(issuers))
        keys = _credential_keys(settings)
        scim = ScimApi(pool, _new_id, GroupsApi(pool, page_tokens, _new_id), issuers)
        service = AdminService(pool, apis, scim, FilesApi(pool), guard)
        probes: dict[str, dependencies.Probe] = {
            "postgres": lambda: pool.fetchval(dependencies.CLOCK),
            "redis": redis.ping,
        }
        exports = ExportRunner(
            pool,
            process_of(settings.database_url.get_secret_value(), replica_settings(settings)),
            lambda: secrets.token_hex(16),
        )
        async with (
            in_background(service.watch_database()),
            in_background(exports.keep_running()),
            in_background(ScheduleRunner(pool, _new_id, _now).keep_running()),
            in_background(Changes(pool).keep_forgetting()),
            in_background(keep_purging(pool)),
            _resealing(pool, settings),
            following_database(discovery, settings, pool, keys, ROLE),
            _resealing_credentials(pool, keys),
            dependencies.reported(metrics, probes),
        ):
            yield service


@asynccontextmanager
async def _pool_of_current_schema(settings: AdminSettings) -> AsyncIterator[asyncpg.Pool]:
    await until_migrated(settings)
    async with open_pool(settings, ROLE, pepper=settings.peppers.name) as pool:
        yield pool


def _apis(
    settings: AdminSettings,
    pool: asyncpg.Pool,
    reads: Reads,
    redis: PipelinedClient,
    page_tokens: PageTokens,
    issuers: Issuers,
    links: IdentityLinks,
) -> Sequence[ResourceApi]:
    lives = TokenLives(
        dt.timedelta(hours=settings.sign_in_token_max_life_h), dt.timedelta(hours=settings.super_admin_token_max_life_h)
    )
    credential_life = dt.timedelta(days=settings.credential_max_life_days)
    link_life = dt.timedelta(hours=settings.sign_in_link_life_h)
    pepper = settings.peppers.current
    maker = SignInLinkMaker(pepper, _new_id, secrets.token_bytes, lives, link_life, settings.sign_in_page_url)
    personal_accounts = PersonalAccounts(_new_id, are_offered=settings.personal_accounts)
    groups = GroupsApi(pool, page_tokens, _new_id)
    allowed = AllowedTargets.parse(settings.notification_allowed_targets)
    invites = InvitesApi(pool, page_tokens, settings.peppers, _new_id, secrets.token_bytes, settings.invite_page_url)
    return (
        AccessTokensApi(pool, page_tokens, personal_accounts, pepper, _new_id, secrets.token_bytes, lives),
        AccountsApi(pool, page_tokens, personal_accounts),
        AnalysesApi(pool, settings.peppers, secrets.token_bytes, _model_caller(settings), _now),
        AnalyticsApi(reads, _now),
        AnomaliesApi(pool, page_tokens),
        ApiKeysApi(pool, page_tokens, KeyMaker(pepper, secrets.token_bytes, _new_id, time.time)),
        AuditLogApi(pool, page_tokens),
        CatalogApi(pool, page_tokens, DeploymentStandings(redis)),
        CatalogChangesApi(pool, page_tokens, _credential_keys(settings), _now),
        ClaimMappingsApi(pool, page_tokens, _new_id, issuers),
        CredentialsApi(pool, page_tokens, pepper, _new_id, secrets.token_bytes, credential_life),
        CreditsApi(pool, page_tokens, _new_id),
        ExportSchedulesApi(pool, page_tokens, _new_id, _now),
        groups,
        GuardrailDefaultsApi(pool, page_tokens),
        GuardrailsApi(pool, page_tokens, AccessExplainer(pool, redis, _now_us), _now_us),
        invites,
        MemberAccessTokensApi(pool, page_tokens),
        MembersApi(pool, page_tokens, links, MemberImports(invites.issue, groups.create).run),
        NotificationChannelsApi(pool, page_tokens, _new_id, secrets.token_bytes, settings.sealing_key, allowed),
        NotificationDeliveriesApi(pool, page_tokens),
        NotificationRulesApi(pool, page_tokens, _new_id),
        NotificationsApi(pool, page_tokens),
        MailPreferencesApi(pool),
        PersonalChannelsApi(pool, _new_id, secrets.token_bytes, settings.sealing_key, allowed),
        OperatorsApi(pool, page_tokens, _new_id, links, maker),
        OwnProviderCredentialsApi(pool, page_tokens, _credential_keys(settings), _new_id, _now),
        OrganizationsApi(pool, _new_id, anyone_may_create=settings.organization_creation == "anyone"),
        RoutingPoliciesApi(
            pool, RoutingExplainer(pool, DeploymentStandings(redis), _now_us), SavingsReader(pool, _now)
        ),
        ServiceAccountsApi(pool, page_tokens, _new_id),
        SignInLinksApi(pool, page_tokens, maker),
        UsageApi(pool, page_tokens, _now),
        UsageExportsApi(
            pool, page_tokens, _new_id, _now, ReportSharing(pool, pepper, secrets.token_bytes, settings.report_page_url)
        ),
        UsageReportsApi(pool, page_tokens, Renderer(signing=_signing(settings)), _now),
        VirtualModelsApi(pool, page_tokens, _new_id),
    )


def _signing(settings: AdminSettings) -> SigningFiles | None:
    try:
        files = signing_files(settings.report_key_file, settings.report_certificate_file)
        if files is not None:
            load_signing_key(files, _now())
    except SigningKeyError as error:
        raise StartRefusedError(f"reports cannot be signed: {error}") from error
    return files


def _operators(settings: AdminSettings) -> Operators:
    if not settings.operators.strip():
        logger.warning("there are no operators, and only they create credit: set MEGAROUTER_OPERATORS to name them")
    try:
        return parse_operators(settings.operators)
    except ValueError as error:
        raise StartRefusedError(f"MEGAROUTER_OPERATORS: {error}") from error


def _model_caller(settings: AdminSettings) -> ModelCaller | None:
    return ModelCaller(settings.model_url) if settings.model_url else None


def _issuers(settings: AdminSettings) -> Issuers:
    try:
        return read_issuers(settings.identity_providers_file)
    except IssuersError as error:
        raise StartRefusedError(f"MEGAROUTER_IDENTITY_PROVIDERS_FILE: {error}") from error


def _resealing(pool: asyncpg.Pool, settings: AdminSettings) -> AbstractAsyncContextManager[None]:
    """Seals channels with the new key while the context is open, if the key is being replaced."""
    key, previous_key = settings.sealing_key, settings.previous_sealing_key
    if key is None or previous_key is None:
        return nullcontext()
    return in_background(Resealing(pool, key, previous_key, secrets.token_bytes).keep_sealing())


def _credential_keys(settings: AdminSettings) -> CredentialKeys | None:
    given = (settings.credential_key, settings.previous_credential_key)
    accepted = tuple(key_bytes(key) for key in given if key is not None)
    return CredentialKeys(accepted, secrets.token_bytes) if accepted else None


def _resealing_credentials(pool: asyncpg.Pool, keys: CredentialKeys | None) -> AbstractAsyncContextManager[None]:
    """Seals credentials of providers with the new key while the context is open, if the key is being replaced."""
    if keys is None or len(keys.accepted) == 1:
        return nullcontext()
    return in_background(keep_resealing(pool, keys))


def _make_user_id() -> str:
    return make_id("user", time.time_ns() // 1_000_000, secrets.token_bytes(10))


async def _store(pool: asyncpg.Pool, catalog: Catalog, settings: AdminSettings) -> None:
    async with pool.acquire() as connection:
        await sync_catalog(connection, catalog)
        await apply_deployment_settings(connection, offers_personal_accounts=settings.personal_accounts)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def _now_us() -> int:
    return time.time_ns() // 1_000


def _new_id(prefix: str) -> str:
    return make_id(prefix, time.time_ns() // 1_000_000, secrets.token_bytes(10))
