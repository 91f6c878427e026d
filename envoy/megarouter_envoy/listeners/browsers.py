"""Which browsers may call a listener, by cross-origin resource sharing (CORS)."""

from collections.abc import Iterable

from envoy_data_plane.envoy.extensions.filters.http.cors import v3 as cors
from envoy_data_plane.envoy.type.matcher import v3 as matcher
from envoy_data_plane.google.protobuf import Any

from megarouter_envoy.names import CORS_FILTER
from megarouter_envoy.typed_config import pack

PREFLIGHT_MAX_AGE_S = 600


def allowed_browsers(
    origins: Iterable[str], methods: Iterable[str], request_headers: Iterable[str], response_headers: Iterable[str]
) -> dict[str, Any]:
    """Returns the configuration of a virtual host that lets browsers of exactly these origins call, without cookies."""
    policy = cors.CorsPolicy(
        allow_origin_string_match=[matcher.StringMatcher(exact=origin) for origin in origins],
        allow_methods=",".join(methods),
        allow_headers=",".join(request_headers),
        expose_headers=",".join(response_headers),
        max_age=str(PREFLIGHT_MAX_AGE_S),
    )
    return {CORS_FILTER: pack(policy)}
