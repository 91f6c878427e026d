"""Where calls to each provider of the catalogue go: to the provider, if its credential is at hand, else to the mock."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from deploy.local.stack.catalog_summary import ModelEntry, ProviderEntry
from deploy.local.stack.layout import HOST


class ProviderError(Exception):
    """A provider cannot be reached as the catalogue describes it; the message names it."""


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
        """Whether the built-in mock answers for the provider."""
        return self.credential is None


def plan_routes(
    providers: Sequence[ProviderEntry], environment: Mapping[str, str], mock_port: int
) -> tuple[Route, ...]:
    """The route of each provider, in catalogue order.

    Raises:
        ProviderError: a base URL names no host, or a credential cannot be sent in a header.
    """
    return tuple(_route(provider, environment, mock_port) for provider in providers)


def _route(provider: ProviderEntry, environment: Mapping[str, str], mock_port: int) -> Route:
    scheme, host, port = _origin(provider)
    credential = environment.get(provider.credential_env, "").strip()
    if not credential:
        return Route(provider.name, HOST, mock_port, tls=False)
    if not credential.isascii() or not credential.isprintable():
        raise ProviderError(f"{provider.credential_env}: the credential holds characters a header cannot carry")
    prefix = "Bearer " if provider.credential_header == "authorization" else ""
    return Route(provider.name, host, port, scheme == "https", provider.credential_header, prefix, credential)


def _origin(provider: ProviderEntry) -> tuple[str, str, int]:
    """Scheme, host and port."""
    parts = urlsplit(provider.url)
    if not parts.hostname:
        raise ProviderError(f"provider {provider.name}: {provider.url} names no host")
    return parts.scheme, parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)


def example_model(models: Sequence[ModelEntry], routes: Sequence[Route]) -> str | None:
    """A model to try with a chat completion: one of a mocked provider if there is any, since it costs nothing."""
    mocked = {route.name for route in routes if route.is_mock}
    able = [model for model in models if model.answers_chat]
    ordered = sorted(able, key=lambda model: model.provider not in mocked)
    return ordered[0].name if ordered else None
