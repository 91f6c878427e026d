"""Routes of requests that Envoy refuses by itself, at their headers."""

from collections.abc import Iterable
from typing import Final

from envoy_data_plane.envoy.config.core import v3 as core
from envoy_data_plane.envoy.config.route import v3 as route
from envoy_data_plane.envoy.type.matcher import v3 as matcher

from megarouter_envoy.typed_config import pack

TRANSCODER: Final = "envoy.filters.http.grpc_json_transcoder"
NAME_REFUSED: Final = (
    "The query must not name a resource that the path names, and must not encode the name of a parameter."
)
_ENCODED_NAME: Final = r"[^?]*\?(?:.*&)?[^=&]*%.*"


def connect_refused() -> route.Route:
    """Returns the route of CONNECT, which neither listener serves.

    CONNECT has no path, so no other route matches it. Without a route the filters wait for its body. With one, Envoy refuses it
    at its headers, as it refuses every upgrade. The status here is that of such a refusal, and is not reached.
    """
    return route.Route(
        name="connect_refused",
        match=route.RouteMatch(connect_matcher=route.RouteMatchConnectMatcher()),
        direct_response=route.DirectResponseAction(status=403),
    )


def path_fields_refused(fields: Iterable[str]) -> list[route.Route]:
    """Returns the routes of REST requests whose query names a field that a path binds.

    The translator applies the query after the path, so such a parameter would replace the resource of the path. It decodes the
    names of parameters, which a route does not. No parameter of the API needs encoding, so encoded names are refused.

    Args:
        fields: every spelling of the fields that paths bind: `api_key.name`, `apiKey.name`.
    """
    encoded = route.HeaderMatcher(
        name=":path", string_match=matcher.StringMatcher(safe_regex=matcher.RegexMatcher(regex=_ENCODED_NAME))
    )
    named = (route.QueryParameterMatcher(name=field, present_match=True) for field in fields)
    return [
        _name_refused("encoded_name_refused", route.RouteMatch(prefix="/", headers=[encoded])),
        *(
            _name_refused(f"query_{one.name}_refused", route.RouteMatch(prefix="/", query_parameters=[one]))
            for one in named
        ),
    ]


def _name_refused(name: str, match: route.RouteMatch) -> route.Route:
    return route.Route(
        name=name,
        match=match,
        typed_per_filter_config={TRANSCODER: pack(route.FilterConfig(disabled=True))},
        direct_response=route.DirectResponseAction(status=400, body=core.DataSource(inline_string=NAME_REFUSED)),
    )
