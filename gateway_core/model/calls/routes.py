"""How Envoy reaches the provider of a call, and what the module changes in its body."""

from dataclasses import dataclass
from typing import Final

from gateway_core.model.catalog.entries import Model
from gateway_core.model.catalog.providers.provider import Provider
from gateway_core.model.endpoints import Dialect, Endpoint, upstream_path

_OUTPUT_LIMIT_FIELDS: Final = {
    Endpoint.COMPLETIONS: "max_tokens",
    Endpoint.RESPONSES: "max_output_tokens",
    Endpoint.GENERATE_CONTENT: "maxOutputTokens",
}


@dataclass(frozen=True, slots=True)
class Route:
    """How Envoy reaches the provider."""

    cluster: str
    upstream_path: str
    rewrite_model: bool
    """Whether the module must replace the model in the body by the provider's name for it."""
    inject_include_usage: bool
    """Whether the module must ask the provider for the usage of a stream, and hide it from the caller."""
    output_limit_field: str | None = None
    """The name of the field into which the module writes an output limit; None if it never does."""


def route_of(
    endpoint: Endpoint,
    model: Model,
    provider: Provider,
    *,
    named: str,
    query: str,
    streams: bool,
    asks_for_usage: bool,
    has_own_key: bool = False,
) -> Route:
    """Returns the route of a call.

    Args:
        endpoint: the operation.
        model: the model called.
        provider: its provider.
        named: how the caller named the model.
        query: the part of the query that goes on.
        streams: whether the caller wants a stream.
        asks_for_usage: whether the body asks for the usage of a stream.
        has_own_key: whether the caller's organization has a key of its own at the provider.
    """
    asks = endpoint.needs_include_usage and provider.stream_options
    return Route(
        cluster=provider.own_key_cluster(endpoint.dialect) if has_own_key else provider.cluster(endpoint.dialect),
        upstream_path=upstream_path(
            endpoint,
            provider.model_path(endpoint.dialect, model.upstream_name),
            model.upstream_name,
            streams=streams,
            query=_query_for(provider, query),
            own_path=provider.paths.get(endpoint),
        ),
        rewrite_model=endpoint.dialect is not Dialect.GEMINI and model.upstream_name != named,
        inject_include_usage=streams and asks and not asks_for_usage,
        output_limit_field=_output_limit_field(endpoint, provider),
    )


def _query_for(provider: Provider, query: str) -> str:
    version = provider.deployments_api_version
    return query if version is None else "&".join(filter(None, (query, f"api-version={version}")))


def _output_limit_field(endpoint: Endpoint, provider: Provider) -> str | None:
    if endpoint is Endpoint.CHAT_COMPLETIONS:
        return provider.chat_output_limit
    return _OUTPUT_LIMIT_FIELDS.get(endpoint)
