"""The page that an invite link leads to: static text that explains how to accept.

The token follows the `#` of the link, so browsers send it to no server. The page has no script, so nothing reads the
token here either.
"""

from typing import Final

from envoy_data_plane.envoy.config.core import v3 as core
from envoy_data_plane.envoy.config.route import v3 as route
from envoy_data_plane.envoy.type.matcher import v3 as matcher

from megarouter_envoy.typed_config import pack, set_header

INVITE_PATH: Final = "/invites"
CONTENT_TYPE: Final = "text/html; charset=utf-8"
_HEADERS: Final = {
    "content-security-policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
}
_PAGE: Final = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>An invite to MegaRouter</title></head>
<body>
<h1>You are invited to MegaRouter</h1>
<p>Your link is the invite. The part after its # was not sent to any server. Keep the link secret until you have accepted.</p>
<ol>
<li>Install the program <code>megarouter</code>. The person who invited you knows where to get it.</li>
<li>Set <code>MEGAROUTER_ADMIN_URL</code> to the address of this page up to <code>/invites</code>, and
<code>MEGAROUTER_ADMIN_TOKEN</code> to your own access token, or to a token of your company's identity provider.</li>
<li>Run <code>megarouter invites accept</code> and paste the whole link when it asks.</li>
</ol>
<p>Without the program: send <code>{"token": "the part after #"}</code> by POST to <code>/v1/invites:accept</code>, with
your own token as <code>Authorization: Bearer</code>.</p>
</body>
</html>
"""


def invite_page() -> route.Route:
    """Returns the route of the page. It disables the REST translator, which refuses paths that the protos do not define."""
    get = route.HeaderMatcher(name=":method", string_match=matcher.StringMatcher(exact="GET"))
    return route.Route(
        name="invite_page",
        match=route.RouteMatch(path=INVITE_PATH, headers=[get]),
        typed_per_filter_config={"envoy.filters.http.grpc_json_transcoder": pack(route.FilterConfig(disabled=True))},
        response_headers_to_add=[set_header(name, value) for name, value in _HEADERS.items()],
        direct_response=route.DirectResponseAction(status=200, body=core.DataSource(inline_string=_PAGE)),
    )
