"""The two checks that Envoy requests before it forwards a call: authorization (ext_authz) and rate limits. Both fail closed."""

from envoy_data_plane.envoy.config.core import v3 as core
from envoy_data_plane.envoy.config.ratelimit import v3 as ratelimit_config
from envoy_data_plane.envoy.config.route import v3 as route
from envoy_data_plane.envoy.extensions.filters.http.ext_authz import v3 as ext_authz
from envoy_data_plane.envoy.extensions.filters.http.ratelimit import v3 as ratelimit
from envoy_data_plane.envoy.type import v3 as types
from envoy_data_plane.envoy.type.matcher import v3 as matcher
from envoy_data_plane.envoy.type.metadata import v3 as metadata

from gateway_core.contract import headers
from gateway_core.contract.metadata import (
    CALL_ENTRIES,
    CONVERSATION_NAMESPACE,
    DECISION_NAMESPACE,
    RATE_LIMIT_DOMAIN,
    RATE_LIMIT_ENTRIES,
    REQUEST_NAMESPACE,
    DecisionKey,
)
from megarouter_envoy.clusters.replicas import ask_a_second_too
from megarouter_envoy.names import (
    AUTHZ_CLUSTER,
    RATELIMIT_CLUSTER,
)
from megarouter_envoy.options import Limits
from megarouter_envoy.typed_config import grpc_service

Action = route.RateLimitAction


def authorization(limits: Limits, replicas: int) -> ext_authz.ExtAuthz:
    """Returns the filter that asks authz_service. It sends the facts that the module found, never the body."""
    return ext_authz.ExtAuthz(
        grpc_service=grpc_service(AUTHZ_CLUSTER, limits.authorization_timeout_s, ask_a_second_too(replicas)),
        transport_api_version=core.ApiVersion.V3,
        failure_mode_allow=False,
        status_on_error=types.HttpStatus(code=types.StatusCode.ServiceUnavailable),
        metadata_context_namespaces=[REQUEST_NAMESPACE, CONVERSATION_NAMESPACE],
        encode_raw_headers=True,
        allowed_headers=matcher.ListStringMatcher(
            patterns=[matcher.StringMatcher(exact=name) for name in headers.DECIDING]
        ),
        clear_route_cache=True,
        validate_mutations=True,
    )


def rate_limit(limits: Limits, replicas: int) -> ratelimit.RateLimit:
    """Returns the filter that asks ratelimit_service. A call without limits skips it."""
    return ratelimit.RateLimit(
        domain=RATE_LIMIT_DOMAIN,
        timeout=grpc_service(RATELIMIT_CLUSTER, limits.rate_limit_timeout_s).timeout,
        failure_mode_deny=True,
        status_on_error=types.HttpStatus(code=types.StatusCode.ServiceUnavailable),
        disable_x_envoy_ratelimited_header=True,
        rate_limit_service=ratelimit_config.RateLimitServiceConfig(
            grpc_service=grpc_service(RATELIMIT_CLUSTER, headers=ask_a_second_too(replicas)),
            transport_api_version=core.ApiVersion.V3,
        ),
    )


def descriptors() -> list[route.RateLimit]:
    """Returns one descriptor with all limits of the call. Without `rate_limits` its action fails, which drops the descriptor."""
    limits = [_from_metadata(key) for key in RATE_LIMIT_ENTRIES]
    return [route.RateLimit(actions=[*limits, *(_from_metadata(key, skip_if_absent=True) for key in CALL_ENTRIES)])]


def _from_metadata(key: DecisionKey, *, skip_if_absent: bool = False) -> Action:
    return Action(
        metadata=route.RateLimitActionMetaData(
            descriptor_key=key.value,
            metadata_key=_metadata_key(key.value),
            source=route.RateLimitActionMetaDataSource.DYNAMIC,
            skip_if_absent=skip_if_absent,
        )
    )


def _metadata_key(key: str) -> metadata.MetadataKey:
    return metadata.MetadataKey(key=DECISION_NAMESPACE, path=[metadata.MetadataKeyPathSegment(key=key)])
