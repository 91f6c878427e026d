"""Serves `megarouter.admin.v1.Analyses`."""

import asyncio
import datetime as dt
import logging
from collections.abc import Callable, Mapping
from typing import Final

import asyncpg
import grpc
from megarouter.admin.v1 import analysis_pb2
from megarouter.admin.v1.analysis_pb2 import AnalysisFigure, AnalysisSettings, WriteAnalysisResponse
from megarouter.admin.v1.analytics_pb2 import UsageAsOf
from megarouter.type.v1.error_reason_pb2 import ErrorReason

from admin_service.access.authorization import Caller
from admin_service.access.directory import find_target
from admin_service.access.permissions import Permission
from admin_service.analytics.language import Language
from admin_service.analytics.writing.figures import figures_of, hints_of
from admin_service.analytics.writing.model_call import ModelCaller, ModelCallError
from admin_service.analytics.writing.templates import filled, refusal_of
from admin_service.analytics.writing.texts import plain_template, request_of
from admin_service.api.errors import AdminError, FieldViolation, invalid_fields, permission_denied
from admin_service.api.names import ANALYSIS_SETTINGS, API_KEYS, MODELS, ResourceName, parse_name
from admin_service.api.timestamps import timestamp
from admin_service.resources.analyses import settings as stored
from admin_service.resources.analyses.facts import read_facts
from admin_service.resources.analyses.settings import SALT_BYTES, AnalysisSetting
from admin_service.resources.analytics.questions import period_of
from admin_service.resources.api_keys.changes import changeable_key, recorded_key
from admin_service.resources.api_keys.store import rotate_api_key
from admin_service.serving.change_transaction import Change, MakeChange
from admin_service.serving.guard import Handle, Rule
from gateway_core.model.organization.bearer_secrets import API_KEY, Peppers, hash_secret
from gateway_core.model.organization.service_accounts import is_service_account
from gateway_core.stores.postgres.organization_wall import acting_for

logger = logging.getLogger(__name__)

_WRITERS: Final = 4
"""Analyses that one process has written at the same time."""
_MAX_SHOWN: Final = 200
_CALL_FAILED: Final = "the call of the model failed"


class AnalysesApi:
    """Writes analyses."""

    service = analysis_pb2.DESCRIPTOR.services_by_name["Analyses"]

    def __init__(
        self,
        pool: asyncpg.Pool,
        peppers: Peppers,
        random_bytes: Callable[[int], bytes],
        caller: ModelCaller | None,
        now: Callable[[], dt.datetime],
    ) -> None:
        """Creates the API. `caller` is None if the deployment writes no analyses."""
        self._pool = pool
        self._peppers = peppers
        self._random_bytes = random_bytes
        self._caller = caller
        self._now = now
        self._writers = asyncio.Semaphore(_WRITERS)
        self.handlers: Mapping[str, Handle] = {
            "GetAnalysisSettings": self.get_settings,
            "WriteAnalysis": self.write,
        }
        self.changes: Mapping[str, MakeChange] = {"ConfigureAnalysis": self.configure}
        self.rules: Mapping[str, Rule] = {}

    async def get_settings(self, _request: analysis_pb2.GetAnalysisSettingsRequest, caller: Caller) -> AnalysisSettings:
        """GetAnalysisSettings returns which key and model write analyses; without them, empty settings."""
        organization = caller.resource.organization
        async with acting_for(self._pool, organization) as connection:
            return _message(organization, await stored.get_setting(connection, organization))

    async def configure(self, request: analysis_pb2.ConfigureAnalysisRequest, change: Change) -> AnalysisSettings:
        """ConfigureAnalysis sets the key and the model, and gives the key a secret that is derived when it is needed."""
        organization = change.caller.resource.organization
        before = _message(organization, await stored.get_setting(change.connection, organization))
        if request.api_key or request.model:
            await self._set(request, change)
        else:
            await stored.clear_setting(change.connection, organization)
        after = _message(organization, await stored.get_setting(change.connection, organization))
        change.record(change.caller.resource, before, after)
        return after

    async def write(self, request: analysis_pb2.WriteAnalysisRequest, caller: Caller) -> WriteAnalysisResponse:
        """WriteAnalysis returns a text of a model with our figures, or else a plain text of ours."""
        start, end = period_of(request.time_range, self._now())
        language = _language(request.language_code)
        organization = caller.actor.organization
        if self._caller is None:
            raise _not_offered()
        if self._writers.locked():
            raise _too_many()
        async with self._writers:
            async with acting_for(self._pool, organization, isolation="repeatable_read") as connection:
                setting = await stored.get_setting(connection, organization)
                if setting is None:
                    raise _not_configured(is_set=False)
                secret = await stored.present_secret(connection, organization, setting, self._peppers)
                if secret is None:
                    raise _not_configured(is_set=True)
                facts, as_of = await read_facts(connection, caller.actor, start, end)
            figures = figures_of(facts, language)
            template, reason = await _template(
                self._caller, secret, setting.model, request_of(figures, hints_of(facts), language), figures
            )
        return WriteAnalysisResponse(
            text=filled(template or plain_template(figures, language), figures),
            written_by_model=template is not None,
            plain_reason=reason,
            model=f"{MODELS}/{setting.model}",
            language_code=language,
            figures=[AnalysisFigure(placeholder=name, text=text) for name, text in figures.items()],
            as_of=UsageAsOf(ledger_position=as_of.sequence, read_time=timestamp(as_of.time)),
        )

    async def _set(self, request: analysis_pb2.ConfigureAnalysisRequest, change: Change) -> None:
        organization, connection = change.caller.resource.organization, change.connection
        model = request.model.removeprefix(f"{MODELS}/")
        if not request.model.startswith(f"{MODELS}/") or not await stored.serves_chat(connection, model):
            raise invalid_fields(
                FieldViolation("model", "must name a model of the catalog that serves chat_completions")
            )
        name = parse_name(request.api_key)
        if name is None or (name.organization, name.collection) != (organization, API_KEYS):
            raise invalid_fields(FieldViolation("api_key", "must name an API key of the organization"))
        target = await find_target(connection, name)
        if target is None:
            raise permission_denied(Permission.API_KEYS_WRITE, request.api_key[:_MAX_SHOWN])
        change.caller.require(Permission.API_KEYS_WRITE, target, name)
        row = await changeable_key(change, name, "", Permission.API_KEYS_WRITE)
        if not is_service_account(row.member):
            raise invalid_fields(
                FieldViolation("api_key", "must be a key of a service account, because its secret ends")
            )
        salt = self._random_bytes(SALT_BYTES)
        secret = stored.derived_secret(self._peppers.current, organization, row.api_key, salt)
        hashed = hash_secret(secret, self._peppers.current)
        await rotate_api_key(connection, row, hashed, API_KEY.obfuscated(secret), dt.timedelta(0))
        await recorded_key(change, name, row)
        await stored.set_setting(connection, organization, row.api_key, salt, model)


async def _template(
    caller: ModelCaller, secret: str, model: str, request: str, figures: Mapping[str, str]
) -> tuple[str | None, str]:
    """Returns the text of the model with placeholders, or None and why there is none."""
    try:
        text = await caller.text(secret, model, request)
    except ModelCallError as error:
        logger.info("an analysis has a plain text", extra={"reason": str(error)})
        return None, f"{_CALL_FAILED}: {error}"
    refusal = refusal_of(text, figures)
    if refusal is not None:
        logger.info("an analysis has a plain text", extra={"reason": refusal})
        return None, f"the text of the model was refused: {refusal}"
    return text, ""


def _message(organization: str, setting: AnalysisSetting | None) -> AnalysisSettings:
    message = AnalysisSettings(name=str(ResourceName(organization, ANALYSIS_SETTINGS)))
    if setting is not None:
        message.api_key = str(ResourceName(organization, API_KEYS, setting.api_key))
        message.model = f"{MODELS}/{setting.model}"
        message.update_time.CopyFrom(timestamp(setting.update_time))
    return message


def _language(code: str) -> Language:
    try:
        return Language(code or Language.ENGLISH)
    except ValueError:
        raise invalid_fields(FieldViolation("language_code", f"must be one of {', '.join(Language)}")) from None


def _not_configured(*, is_set: bool) -> AdminError:
    message = (
        "The API key of the organization's analyses has another secret by now, or is not active. A Super Admin sets it again with"
        " ConfigureAnalysis."
        if is_set
        else "The organization has set no API key and model for analyses. A Super Admin sets them with ConfigureAnalysis."
    )
    return AdminError(grpc.StatusCode.FAILED_PRECONDITION, ErrorReason.ANALYSIS_NOT_CONFIGURED, message)


def _not_offered() -> AdminError:
    message = "This deployment writes no analyses. An operator sets MEGAROUTER_MODEL_URL."
    return AdminError(grpc.StatusCode.FAILED_PRECONDITION, ErrorReason.ANALYSES_NOT_OFFERED, message)


def _too_many() -> AdminError:
    message = "Too many analyses are being written. Try again in some seconds."
    return AdminError(grpc.StatusCode.RESOURCE_EXHAUSTED, ErrorReason.TOO_MANY_ANALYSES, message)
