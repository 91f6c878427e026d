"""Routes calls for each provider in the catalog: to the provider if its credential is set, otherwise to the mock."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from deploy.local.stack.catalog_summary import ModelEntry, ProviderEntry
from deploy.local.stack.layout import HOST


class ProviderError(Exception):
    """A provider cannot be reached as the catalog describes it. The message names what to change."""


@dataclass(frozen=True)
class Route:
    """Where calls to a provider go. The mock needs no credential."""

    name: str
    host: str
    port: int
    tls: bool
    credential_header: str | None = None
    credential_prefix: str = ""
    credential: str | None = field(default=None, repr=False)

    @property
    def is_mock(self) -> bool:
        """Whether the mock answers for the provider."""
        return self.credential is None


def plan_routes(
    providers: Sequence[ProviderEntry], environment: Mapping[str, str], mock_port: int
) -> tuple[Route, ...]:
    """Returns the route of each provider, in catalog order.

    Raises:
        ProviderError: a base URL has no host, or a header cannot contain a credential.
    """
    return tuple(_route(provider, environment, mock_port) for provider in providers)


def _route(provider: ProviderEntry, environment: Mapping[str, str], mock_port: int) -> Route:
    scheme, host, port = _origin(provider)
    credential = environment.get(provider.credential_env, "").strip()
    if not credential:
        return Route(provider.name, HOST, mock_port, tls=False)
    if not credential.isascii() or not credential.isprintable():
        raise ProviderError(f"{provider.credential_env}: the credential must consist of printable ASCII characters")
    prefix = "Bearer " if provider.credential_header == "authorization" else ""
    return Route(provider.name, host, port, scheme == "https", provider.credential_header, prefix, credential)


def _origin(provider: ProviderEntry) -> tuple[str, str, int]:
    """Returns scheme, host and port of a provider's base URL."""
    parts = urlsplit(provider.url)
    if not parts.hostname:
        raise ProviderError(f"provider {provider.name}: the URL {provider.url} has no host")
    return parts.scheme, parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)


def example_model(models: Sequence[ModelEntry], routes: Sequence[Route]) -> str | None:
    """Returns a model to try with a chat completion, or None. Prefers a mocked provider, because it costs nothing."""
    mocked = {route.name for route in routes if route.is_mock}
    able = [model for model in models if model.answers_chat]
    ordered = sorted(able, key=lambda model: model.provider not in mocked)
    return ordered[0].name if ordered else None
