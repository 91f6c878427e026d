"""The two questions Envoy asks before a call goes on: may it (ext_authz), is it too fast (ratelimit). Both fail closed."""

from typing import cast

from betterproto2 import Message
from envoy_data_plane.envoy.config.core import v3 as core
from envoy_data_plane.envoy.config.ratelimit import v3 as ratelimit_config
from envoy_data_plane.envoy.config.route import v3 as route
from envoy_data_plane.envoy.extensions.filters.http.ext_authz import v3 as ext_authz
from envoy_data_plane.envoy.extensions.filters.http.ratelimit import v3 as ratelimit
from envoy_data_plane.envoy.extensions.rate_limit_descriptors.expr import v3 as expr
from envoy_data_plane.envoy.type import v3 as types
from envoy_data_plane.envoy.type.metadata import v3 as metadata

from megarouter_envoy.names import (
    AUTHZ_CLUSTER,
    AUTHZ_NAMESPACE,
    RATE_LIMIT_DOMAIN,
    RATELIMIT_CLUSTER,
    REQUEST_NAMESPACE,
)
from megarouter_envoy.options import Limits
from megarouter_envoy.typed_config import extension, grpc_service

Action = route.RateLimitAction

# Scope -> (metadata key of the scope's id, metadata key of its limit).
RATE_LIMIT_SCOPES = {"member": ("member", "rate_limit_member"), "api_key": ("api_key", "rate_limit_api_key")}


def authorization(limits: Limits) -> ext_authz.ExtAuthz:
    """Asks authz_service with the facts of `megarouter.request`, never with the body."""
    return ext_authz.ExtAuthz(
        grpc_service=grpc_service(AUTHZ_CLUSTER, limits.authorization_timeout_s),
        transport_api_version=core.ApiVersion.V3,
        failure_mode_allow=False,
        status_on_error=types.HttpStatus(code=types.StatusCode.ServiceUnavailable),
        metadata_context_namespaces=[REQUEST_NAMESPACE],
        encode_raw_headers=True,
        clear_route_cache=True,
        validate_mutations=True,
    )


def rate_limit(limits: Limits) -> ratelimit.RateLimit:
    """Asks ratelimit_service; not asked at all for a call whose member and key have no limit."""
    return ratelimit.RateLimit(
        domain=RATE_LIMIT_DOMAIN,
        timeout=grpc_service(RATELIMIT_CLUSTER, limits.rate_limit_timeout_s).timeout,
        failure_mode_deny=True,
        status_on_error=types.HttpStatus(code=types.StatusCode.ServiceUnavailable),
        disable_x_envoy_ratelimited_header=True,
        rate_limit_service=ratelimit_config.RateLimitServiceConfig(
            grpc_service=grpc_service(RATELIMIT_CLUSTER), transport_api_version=core.ApiVersion.V3
        ),
    )


def descriptors() -> list[route.RateLimit]:
    """One descriptor per scope that has a limit; the limit itself travels with it."""
    return [_descriptor(scope, id_key, limit_key) for scope, (id_key, limit_key) in RATE_LIMIT_SCOPES.items()]


def _descriptor(scope: str, id_key: str, limit_key: str) -> route.RateLimit:
    override = route.RateLimitOverrideDynamicMetadata(metadata_key=_metadata_key(limit_key))
    return route.RateLimit(
        actions=[
            _from_metadata("organization", "organization"),
            _scope_if_limited(scope, limit_key),
            _from_metadata("id", id_key),
            _from_metadata("dialect", "dialect"),
            _from_metadata("mode", f"{limit_key}_mode", "ENFORCE"),
        ],
        limit=route.RateLimitOverride(dynamic_metadata=override),
    )


def _scope_if_limited(scope: str, limit_key: str) -> Action:
    """The scope's name. Without a limit the expression fails, and an action that fails drops its whole descriptor."""
    unit = f'metadata.filter_metadata["{AUTHZ_NAMESPACE}"]["{limit_key}"]["unit"]'
    fields = {"descriptor_key": "scope", "text": f'{unit} != "" ? "{scope}" : ""'}
    # The generated module imports a second class of this name, which is the one that a type checker sees.
    expression = cast("Message", expr.Descriptor(**fields))  # type: ignore[arg-type]
    return Action(extension=extension("envoy.rate_limit_descriptors.expr", expression))


def _from_metadata(descriptor_key: str, key: str, default_value: str = "") -> Action:
    return Action(
        metadata=route.RateLimitActionMetaData(
            descriptor_key=descriptor_key,
            default_value=default_value,
            metadata_key=_metadata_key(key),
            source=route.RateLimitActionMetaDataSource.DYNAMIC,
        )
    )


def _metadata_key(key: str) -> metadata.MetadataKey:
    return metadata.MetadataKey(key=AUTHZ_NAMESPACE, path=[metadata.MetadataKeyPathSegment(key=key)])
