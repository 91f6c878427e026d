"""A provider of the catalog: where it is, how it knows the gateway, and what its API takes."""

from typing import Annotated, Literal, Self
from urllib.parse import quote, urlsplit

from pydantic import Field, model_validator

from gateway_core.model.catalog.prices import Entry, FeeName, FeeNanoCredits, Multiplier
from gateway_core.model.catalog.providers.authentication import Authentication
from gateway_core.model.catalog.providers.clusters import own_key_cluster, provider_cluster
from gateway_core.model.endpoints import Dialect, Endpoint

Slug = Annotated[str, Field(pattern=r"^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$")]
ToolType = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
BetaFlag = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._=-]{0,127}$")]
EndpointPath = Annotated[str, Field(pattern=r"^(/[A-Za-z0-9._-]{1,64}){1,8}$")]


class AfterDisconnect(Entry):
    """A statement that a provider goes on with an answer, and bills it, after the caller has disconnected."""

    source: Annotated[str, Field(min_length=1, max_length=500)]
    """Where the provider says so, or how it was observed."""


CredentialHeader = Literal["authorization", "x-api-key", "x-goog-api-key", "api-key"]


class Provider(Entry):
    """A company or server that answers model calls."""

    name: Slug
    display_name: str
    credential_env: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")]
    credential_header: CredentialHeader
    credential_headers: dict[Dialect, CredentialHeader] = Field(default_factory=dict)
    """The header of the credential in the dialects that want another one."""
    stream_options: bool
    chat_output_limit: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """The field of Chat Completions in which the provider takes an output limit."""
    dialects: Annotated[dict[Dialect, str], Field(min_length=1)]
    paths: dict[Endpoint, EndpointPath] = Field(default_factory=dict)
    """The paths of the operations that are not below the base URL of their dialect."""
    deployments_api_version: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}(-preview)?$")] | None = None
    """Set for Azure OpenAI's API of deployments: the path names the model, and the query this version of the API."""
    authentication: Authentication | None = None
    """What the credential is, if it is no key that is sent as it is."""
    bills_after_disconnect: AfterDisconnect | None = None
    """Set only for a provider that goes on, and bills, after a disconnect. Others stop when the connection closes."""
    hosted_tools: dict[Dialect, dict[ToolType, tuple[FeeName, ...]]] = Field(default_factory=dict)
    """The tools that the provider runs itself, by the type that a body names without its date, and the fees of a use.

    A model may be called with such a tool if it has a price for one of the fees. A tool without fees costs only tokens.
    """
    caller_tools: dict[Dialect, frozenset[ToolType]] = Field(default_factory=dict)
    """The tools that the provider describes to the model and the caller runs, by the type that a body names without its date.

    A use costs nothing but tokens, and no further round within the call.
    """
    betas: Annotated[tuple[BetaFlag, ...], Field(max_length=256)] = ()
    """Flags of features in test that go on to the provider. Calls with others are served without them."""
    fees: dict[FeeName, FeeNanoCredits] = Field(default_factory=dict, max_length=64)
    """Fees of every model of the provider that has none of its own under the same name."""
    fees_once_per_call: tuple[FeeName, ...] = ()
    """Fees that a call to any of its models pays once, however often it uses the tool."""
    multipliers: tuple[Multiplier, ...] = Field(default=(), max_length=16)
    """Multipliers of every model of the provider that has none of its own under the same condition."""

    @property
    def targets(self) -> dict[str, CredentialHeader]:
        """The names of the places that receive calls of the provider, and the header in which each expects the credential."""
        others = {self.target(dialect): header for dialect, header in self.credential_headers.items()}
        return {self.name: self.credential_header, **others}

    def target(self, dialect: Dialect) -> str:
        """Returns the name of the place that receives calls in a dialect. It is one per header of the credential."""
        header = self.credential_headers.get(dialect, self.credential_header)
        # The name of a provider has no underscore, so it cannot be that of a target with a suffix.
        return self.name if header == self.credential_header else f"{self.name}_{dialect}"

    def cluster(self, dialect: Dialect) -> str:
        """Returns the name of the Envoy cluster that reaches the provider in a dialect."""
        return provider_cluster(self.target(dialect))

    def own_key_cluster(self, dialect: Dialect) -> str:
        """Returns the name of the cluster that reaches the provider with the caller's organization's own key."""
        return own_key_cluster(self.target(dialect))

    def model_path(self, dialect: Dialect, upstream_name: str) -> str:
        """Returns the path prefix of calls to a model, without a trailing slash."""
        base = self.base_path(dialect)
        return base if self.deployments_api_version is None else f"{base}/deployments/{quote(upstream_name, safe='')}"

    def base_path(self, dialect: Dialect) -> str:
        """Returns the path prefix of the provider's API in this dialect, without a trailing slash."""
        return urlsplit(self.dialects[dialect]).path.rstrip("/")

    @model_validator(mode="after")
    def _known_dialects(self) -> Self:
        unknown = self.credential_headers.keys() - self.dialects.keys()
        if unknown:
            raise ValueError(f"credential_headers must name dialects of the provider, not {', '.join(sorted(unknown))}")
        return self

    @model_validator(mode="after")
    def _signature_in_its_header(self) -> Self:
        if self.authentication is not None and (self.credential_header != "authorization" or self.credential_headers):
            raise ValueError("with authentication, the credential_header must be authorization in every dialect")
        return self

    @model_validator(mode="after")
    def _one_host(self) -> Self:
        urls = [urlsplit(url) for url in self.dialects.values()]
        origins = {(url.scheme, url.netloc) for url in urls}
        if len(origins) != 1:
            raise ValueError("every dialect of a provider must be served by the same scheme and host")
        scheme, host = origins.pop()
        if scheme not in {"http", "https"} or not host:
            raise ValueError("a base URL must start with http:// or https:// and name a host")
        if "@" in host or any(url.query or url.fragment for url in urls):
            raise ValueError(
                "a base URL must not contain a user, query or fragment; credentials come from credential_env"
            )
        return self
