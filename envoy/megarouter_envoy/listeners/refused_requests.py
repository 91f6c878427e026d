"""Routes of requests that Envoy refuses by itself, at their headers."""

from envoy_data_plane.envoy.config.route import v3 as route


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
