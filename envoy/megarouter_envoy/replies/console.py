"""The web console, which Envoy serves from its memory: a route for each file of the build, and the page for every other path.

Envoy removes `accept-encoding` before it chooses a route, so every answer is in gzip. All browsers read that.
"""

import re
from collections.abc import Mapping
from typing import Final

from envoy_data_plane.envoy.config.core import v3 as core
from envoy_data_plane.envoy.config.route import v3 as route
from envoy_data_plane.envoy.type.matcher import v3 as matcher

from megarouter_envoy.options import Console, ConsoleAsset
from megarouter_envoy.typed_config import pack, set_header

CONSOLE_PATH: Final = "/console"
ASSETS_PATH: Final = f"{CONSOLE_PATH}/assets"
_EVERY_FILE: Final = {
    "content-encoding": "gzip",
    "cross-origin-resource-policy": "same-origin",
    "x-content-type-options": "nosniff",
}
_IMMUTABLE: Final = "public, max-age=31536000, immutable"
_MAX_ENVOY_DEFAULT_BYTES: Final = 4_096


def body_limit_bytes(console: Console) -> int:
    """Returns how large a body of Envoy's own may be: the largest file, and at least Envoy's own limit."""
    files = (console.page, *(asset.content for asset in console.assets))
    return max(_MAX_ENVOY_DEFAULT_BYTES, *map(len, files))


def asset_pattern(suffix: str) -> str:
    """Returns the regular expression of the paths of assets with this suffix."""
    return rf"{ASSETS_PATH}/[^/?]+{re.escape(suffix)}(\?.*)?"


def console_routes(console: Console) -> list[route.Route]:
    """Returns the routes. They disable the REST translator, which refuses paths that the protos do not define."""
    page_headers = {
        **_EVERY_FILE,
        "cache-control": "no-cache",
        "content-security-policy": content_security_policy((console.model_url, *console.issuers)),
        "cross-origin-opener-policy": "same-origin",
        "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        "referrer-policy": "no-referrer",
        "x-frame-options": "DENY",
    }
    no_asset = _route("console_no_asset", route.RouteMatch(prefix=f"{ASSETS_PATH}/"))
    no_asset.direct_response = route.DirectResponseAction(status=404)
    return [
        *(_asset(asset) for asset in console.assets),
        no_asset,  # an old page asks for a file of an earlier build, and must not get a page instead
        _file("console_page", route.RouteMatch(prefix=f"{CONSOLE_PATH}/"), console.page, page_headers),
        _file("console", route.RouteMatch(path=CONSOLE_PATH), console.page, page_headers),
    ]


def content_security_policy(origins: tuple[str, ...]) -> str:
    """Returns the policy of the page: only its own scripts run, and only through Trusted Types.

    Styles may be inline, because Mantine inserts them.
    """
    directives = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self' 'unsafe-inline'",
        "img-src": "'self' data:",
        "font-src": "'self'",
        "connect-src": " ".join(("'self'", *origins)),
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "default",
    }
    return "; ".join(f"{name} {value}" for name, value in directives.items())


def _asset(asset: ConsoleAsset) -> route.Route:
    headers = {**_EVERY_FILE, "cache-control": _IMMUTABLE}
    path = f"{ASSETS_PATH}/{asset.name}"
    return _file(f"console_{asset.name}", route.RouteMatch(path=path), asset.content, headers)


def _file(name: str, match: route.RouteMatch, content: bytes, headers: Mapping[str, str]) -> route.Route:
    built = _route(name, match)
    built.response_headers_to_add = [set_header(header, value) for header, value in headers.items()]
    built.direct_response = route.DirectResponseAction(status=200, body=core.DataSource(inline_bytes=content))
    return built


def _route(name: str, match: route.RouteMatch) -> route.Route:
    match.headers = [route.HeaderMatcher(name=":method", string_match=matcher.StringMatcher(exact="GET"))]
    return route.Route(
        name=name,
        match=match,
        typed_per_filter_config={"envoy.filters.http.grpc_json_transcoder": pack(route.FilterConfig(disabled=True))},
    )
