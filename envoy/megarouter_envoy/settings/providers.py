"""Routes calls for each provider in the catalog: to the provider if its credential is set, otherwise to the mock, if any."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from megarouter_envoy.settings.catalog_summary import ModelEntry, ProviderEntry

_ACCESS_KEY_WORDS = (2, 3)
ENVIRONMENT = "environment"
"""As the credential for AWS: Envoy finds it in its own environment."""


class ProviderError(Exception):
    """A provider cannot be reached as the catalog describes it. The message names what to change."""


@dataclass(frozen=True)
class Address:
    """Where a server listens."""

    host: str
    port: int


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
    authentication: Mapping[str, str] | None = None
    """What the credential is, as the catalog states it; None if it is a key that is sent as it is."""
    credential_file: Path | None = None
    """A file that has the credential already, and is replaced when it changes. None: it is written to one."""

    @property
    def has_aws_environment(self) -> bool:
        """Whether Envoy finds the access key itself."""
        return is_aws(self.authentication) and self.credential == ENVIRONMENT

    @property
    def wants_token(self) -> bool:
        """Whether token_service fetches what Envoy sends, and the credential only gives it the right to."""
        return self.authentication is not None and not is_aws(self.authentication) and not self.is_mock

    @property
    def is_mock(self) -> bool:
        """Whether the mock answers for the provider."""
        return self.credential is None


def plan_routes(
    providers: Sequence[ProviderEntry], environment: Mapping[str, str], mock: Address | None
) -> tuple[Route, ...]:
    """Returns the route of each provider, in catalog order. Without a mock, a provider without a credential has none.

    Args:
        providers: of the catalog.
        environment: the credentials, by the name that the catalog gives them.
        mock: where the mock provider listens; None if there is none.

    Raises:
        ProviderError: a base URL has no host, or a header cannot contain a credential.
    """
    routes = (_route(provider, environment, mock) for provider in providers)
    return tuple(route for route in routes if route is not None)


def _route(provider: ProviderEntry, environment: Mapping[str, str], mock: Address | None) -> Route | None:
    scheme, host, port = _origin(provider)
    credential = environment.get(provider.credential_env, "").strip()
    if not credential:
        return None if mock is None else Route(provider.name, mock.host, mock.port, tls=False)
    authentication = provider.authentication
    if authentication and authentication["kind"] == "google_service_account":
        credential = _service_account_key(provider.credential_env, credential)
    if not credential.isascii() or not credential.isprintable():
        raise ProviderError(f"{provider.credential_env}: the credential must consist of printable ASCII characters")
    if is_aws(authentication) and credential != ENVIRONMENT and not _is_access_key(credential):
        raise ProviderError(
            f"{provider.credential_env}: give ACCESS_KEY_ID:SECRET_ACCESS_KEY, with :SESSION_TOKEN if the key is temporary, "
            f"or the word {ENVIRONMENT} to use what Envoy finds in its environment"
        )
    prefix = "Bearer " if provider.credential_header == "authorization" else ""
    tls = scheme == "https"
    return Route(provider.name, host, port, tls, provider.credential_header, prefix, credential, authentication)


def _service_account_key(variable: str, text: str) -> str:
    """Returns the JSON key of a service account in one line. The variable has the key itself, or the path of its file."""
    try:
        fields = json.loads(Path(text).read_text(encoding="utf-8") if text.startswith("/") else text)
    except OSError as error:
        raise ProviderError(f"{variable}: the file cannot be read ({error.strerror})") from None
    except ValueError:
        fields = None
    if not isinstance(fields, dict) or fields.get("type") != "service_account":
        raise ProviderError(f"{variable}: give the JSON key of a service account, or the absolute path of its file")
    return json.dumps(fields)


def _is_access_key(text: str) -> bool:
    words = text.split(":")
    return len(words) in _ACCESS_KEY_WORDS and all(words)


def is_aws(authentication: Mapping[str, str] | None) -> bool:
    """Returns whether requests are signed with an AWS access key."""
    return authentication is not None and authentication["kind"] == "aws_signature"


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
