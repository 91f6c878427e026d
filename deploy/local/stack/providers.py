"""Where calls to each provider of the catalogue go: to the provider, if its credential is at hand, else to the mock."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from deploy.local.stack.layout import HOST
from gateway_core.contract.dialects import Endpoint
from gateway_core.model.catalog.entries import Model, Provider


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


def plan_routes(providers: Sequence[Provider], environment: Mapping[str, str], mock_port: int) -> tuple[Route, ...]:
    """The route of each provider, in catalogue order.

    Raises:
        ProviderError: a base URL names no host, or a credential cannot be sent in a header.
    """
    return tuple(_route(provider, environment, mock_port) for provider in providers)


def _route(provider: Provider, environment: Mapping[str, str], mock_port: int) -> Route:
    scheme, host, port = _origin(provider)
    credential = environment.get(provider.credential_env, "").strip()
    if not credential:
        return Route(provider.name, HOST, mock_port, tls=False)
    if not credential.isascii() or not credential.isprintable():
        raise ProviderError(f"{provider.credential_env}: the credential holds characters a header cannot carry")
    prefix = "Bearer " if provider.credential_header == "authorization" else ""
    return Route(provider.name, host, port, scheme == "https", provider.credential_header, prefix, credential)


def _origin(provider: Provider) -> tuple[str, str, int]:
    """Scheme, host and port. A provider is one cluster: the catalogue makes sure that all dialects share them."""
    url = next(iter(provider.dialects.values()))
    parts = urlsplit(url)
    if not parts.hostname:
        raise ProviderError(f"provider {provider.name}: {url} names no host")
    return parts.scheme, parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)


def example_model(models: Sequence[Model], routes: Sequence[Route]) -> str | None:
    """A model to try with a chat completion: one of a mocked provider if there is any, since it costs nothing."""
    mocked = {route.name for route in routes if route.is_mock}
    able = [model for model in models if Endpoint.CHAT_COMPLETIONS in model.endpoints]
    ordered = sorted(able, key=lambda model: model.provider not in mocked)
    return ordered[0].name if ordered else None
