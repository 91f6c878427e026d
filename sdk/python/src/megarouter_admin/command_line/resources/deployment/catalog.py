"""The commands `megarouter catalog`, by which operators change providers and models while the gateway runs."""

from pathlib import Path
from typing import Annotated

from google.protobuf import json_format
from google.protobuf.struct_pb2 import Struct
from megarouter.admin.v1.messages import (
    AddProviderRequest,
    CatalogOrigin,
    ClearProviderCredentialRequest,
    ConfigurationVersion,
    GetListenerLimitsRequest,
    GetProviderConfigurationRequest,
    ListConfigurationVersionsRequest,
    ListenerLimits,
    ListProviderConfigurationsRequest,
    ModelConfiguration,
    OfferModelRequest,
    ProviderConfiguration,
    RemoveProviderRequest,
    ReplaceListenerLimitsRequest,
    ReplaceProviderRequest,
    RetireModelRequest,
    SetProviderCredentialRequest,
)

from megarouter_admin.command_line.parsing.commands import (
    LimitOption,
    Section,
    YesOption,
    command,
    confirm,
    label,
    secret_from_input,
)
from megarouter_admin.command_line.parsing.options import Argument, Option
from megarouter_admin.command_line.rendering.tables import Column
from megarouter_admin.command_line.session import Session
from megarouter_admin.command_line.values.names import short_name

application = Section()

ProviderArgument = Annotated[str, Argument(metavar="PROVIDER", text="Id of the provider, such as our-gpus.")]
ModelArgument = Annotated[str, Argument(metavar="MODEL", text="Public name of the model.")]
FileArgument = Annotated[
    Path, Argument(metavar="FILE", text="JSON of the definition, in the form of the catalog file, without the name.")
]


def _name(provider: str) -> str:
    return f"providers/{provider}/configuration"


def _provider(name: str) -> str:
    return name.split("/")[1]


def read_definition(file: Path) -> Struct:
    """Returns the definition in a file.

    Raises:
        ValueError: the file cannot be read, or is not a JSON object.
    """
    try:
        return json_format.Parse(file.read_text(encoding="utf-8"), Struct())
    except OSError as error:
        raise ValueError(f"{file}: cannot be read ({error.strerror})") from None
    except (json_format.ParseError, UnicodeDecodeError):
        raise ValueError(f"{file}: is not a JSON object") from None


def _origin(origin: CatalogOrigin.ValueType) -> str:
    return label(CatalogOrigin.Name(origin), "CATALOG_ORIGIN_")


def _urls(one: ProviderConfiguration) -> str:
    dialects = json_format.MessageToDict(one.definition).get("dialects", {})
    return ", ".join(sorted({str(url) for url in dialects.values()}))


def _credential(session: Session, one: ProviderConfiguration) -> str:
    if not one.HasField("credential"):
        return "none by the API"
    return f"{one.credential.fingerprint}, set {session.ago(one.credential.set_time)}"


def _show(session: Session, one: ProviderConfiguration) -> None:
    session.output.one(
        one,
        [
            ("provider", _provider(one.name)),
            ("from", _origin(one.origin)),
            ("at", _urls(one)),
            ("credential", _credential(session, one)),
            ("set by", one.credential.setter_display_name or one.credential.setter),
        ],
    )


def _show_model(session: Session, one: ModelConfiguration) -> None:
    state = "retired" if one.retired else "on offer"
    session.output.one(
        one, [("model", one.name.removeprefix("models/")), ("from", _origin(one.origin)), ("state", state)]
    )


@command(application, "providers", "catalog providers")
def providers(session: Session, limit: LimitOption = 0) -> None:
    """List how all providers are reached."""
    request = ListProviderConfigurationsRequest()
    method = session.router.catalog_changes.ListProviderConfigurations
    found = session.listed(method, request, "provider_configurations", limit)
    columns = [
        Column[ProviderConfiguration]("provider", lambda one: _provider(one.name)),
        Column[ProviderConfiguration]("from", lambda one: _origin(one.origin)),
        Column[ProviderConfiguration]("at", _urls),
        Column[ProviderConfiguration]("credential", lambda one: _credential(session, one)),
    ]
    session.output.rows(columns, found, "no providers")


@command(application, "show-provider", "catalog show-provider our-gpus")
def show_provider(session: Session, provider: ProviderArgument) -> None:
    """Show how a provider is reached. With --json also its definition."""
    request = GetProviderConfigurationRequest(name=_name(provider))
    _show(session, session.router.catalog_changes.GetProviderConfiguration(request))


@command(application, "add-provider", "catalog add-provider our-gpus gpus.json")
def add_provider(session: Session, provider: ProviderArgument, file: FileArgument) -> None:
    """Add a provider. It receives calls once `set-credential` has given it a credential."""
    request = AddProviderRequest(name=_name(provider), definition=read_definition(file))
    _show(session, session.router.catalog_changes.AddProvider(request))


@command(application, "replace-provider", "catalog replace-provider our-gpus gpus.json")
def replace_provider(session: Session, provider: ProviderArgument, file: FileArgument) -> None:
    """Replace the definition of a provider. Calls that run end where they are."""
    request = ReplaceProviderRequest(name=_name(provider), definition=read_definition(file))
    _show(session, session.router.catalog_changes.ReplaceProvider(request))


@command(application, "remove-provider", "catalog remove-provider our-gpus")
def remove_provider(session: Session, provider: ProviderArgument, *, yes: YesOption = False) -> None:
    """Remove a provider and its credential. Calls that run go on to their end."""
    confirm(f"Remove the provider {provider}?", yes=yes)
    _show(session, session.router.catalog_changes.RemoveProvider(RemoveProviderRequest(name=_name(provider))))


@command(application, "set-credential", "catalog set-credential our-gpus")
def set_credential(session: Session, provider: ProviderArgument) -> None:
    """Set or replace the credential of a provider. The standard input has it."""
    secret = secret_from_input(f"Credential of {provider}")
    request = SetProviderCredentialRequest(name=_name(provider), secret=secret)
    _show(session, session.router.catalog_changes.SetProviderCredential(request))


@command(application, "clear-credential", "catalog clear-credential our-gpus")
def clear_credential(session: Session, provider: ProviderArgument, *, yes: YesOption = False) -> None:
    """Remove the credential that the API set."""
    confirm(f"Remove the credential of {provider}?", yes=yes)
    request = ClearProviderCredentialRequest(name=_name(provider))
    _show(session, session.router.catalog_changes.ClearProviderCredential(request))


@command(application, "offer", "catalog offer llama-8b llama.json")
def offer(session: Session, model: ModelArgument, file: FileArgument) -> None:
    """Offer a model, or change one. Other prices become a new version."""
    request = OfferModelRequest(name=f"models/{model}", definition=read_definition(file))
    _show_model(session, session.router.catalog_changes.OfferModel(request))


@command(application, "retire", "catalog retire llama-8b")
def retire(session: Session, model: ModelArgument, *, yes: YesOption = False) -> None:
    """Take a model from the offer. Calls that run are charged at its prices."""
    confirm(f"Retire the model {model}?", yes=yes)
    _show_model(session, session.router.catalog_changes.RetireModel(RetireModelRequest(name=f"models/{model}")))


@command(application, "history", "catalog history")
def history(session: Session, limit: LimitOption = 100) -> None:
    """List who changed what, newest first, and what Envoy refused."""
    request = ListConfigurationVersionsRequest()
    method = session.router.catalog_changes.ListConfigurationVersions
    found = session.listed(method, request, "configuration_versions", limit)
    columns = [
        Column[ConfigurationVersion]("version", lambda one: str(one.number)),
        Column[ConfigurationVersion]("when", lambda one: session.ago(one.create_time)),
        Column[ConfigurationVersion]("who", lambda one: one.user_display_name or short_name(one.user)),
        Column[ConfigurationVersion]("did", lambda one: short_name(one.method)),
        Column[ConfigurationVersion]("to", lambda one: one.resource.removesuffix("/configuration")),
        Column[ConfigurationVersion]("refusal", lambda one: one.refusal),
    ]
    session.output.rows(columns, found, "no changes")


def _show_limits(session: Session, one: ListenerLimits) -> None:
    session.output.one(
        one,
        [
            ("model connections", f"{one.model_connections:,}"),
            ("admin connections", f"{one.admin_connections:,}"),
            ("calls at a provider", f"{one.concurrent_provider_calls:,}"),
            ("body of a call", f"{one.request_body_bytes:,} bytes"),
            ("idle time of a call", f"{one.call_idle_seconds:,} s"),
            ("time of a call", f"{one.call_duration_seconds:,} s"),
        ],
    )


ModelConnectionsOption = Annotated[
    int | None, Option("--model-connections", metavar="N", text="Connections to the model listener. Default: 9000.")
]
AdminConnectionsOption = Annotated[
    int | None, Option("--admin-connections", metavar="N", text="Connections to the admin listener. Default: 1000.")
]
ProviderCallsOption = Annotated[
    int | None, Option("--provider-calls", metavar="N", text="Calls that run at one provider. Default: 10000.")
]

BodyBytesOption = Annotated[
    int | None, Option("--body-bytes", metavar="N", text="Largest body of a model call. Default: 33554432.")
]
IdleSecondsOption = Annotated[
    int | None, Option("--idle-seconds", metavar="N", text="How long a model call may transfer nothing. Default: 900.")
]
CallSecondsOption = Annotated[
    int | None, Option("--call-seconds", metavar="N", text="How long a model call may take. Default: 3600.")
]


@command(application, "limits", "catalog limits")
def limits(session: Session) -> None:
    """Show how many connections and calls each Envoy accepts at a time, and how large and long a call may be."""
    request = GetListenerLimitsRequest(name="listenerLimits")
    _show_limits(session, session.router.catalog_changes.GetListenerLimits(request))


@command(application, "set-limits", "catalog set-limits --model-connections 5000")
def set_limits(
    session: Session,
    model_connections: ModelConnectionsOption = None,
    admin_connections: AdminConnectionsOption = None,
    provider_calls: ProviderCallsOption = None,
    body_bytes: BodyBytesOption = None,
    idle_seconds: IdleSecondsOption = None,
    call_seconds: CallSecondsOption = None,
) -> None:
    """Replace the limits of each Envoy. What is not given gets its default."""
    request = ReplaceListenerLimitsRequest(
        name="listenerLimits",
        model_connections=model_connections,
        admin_connections=admin_connections,
        concurrent_provider_calls=provider_calls,
        request_body_bytes=body_bytes,
        call_idle_seconds=idle_seconds,
        call_duration_seconds=call_seconds,
    )
    _show_limits(session, session.router.catalog_changes.ReplaceListenerLimits(request))
