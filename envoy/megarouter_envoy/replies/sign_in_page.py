"""What everyone may know, as JSON: the identity providers that the admin API accepts, where models are, and who signs reports.

It contains no secret.
"""

import base64
import json
from collections.abc import Sequence
from typing import Final

from envoy_data_plane.envoy.config.core import v3 as core
from envoy_data_plane.envoy.config.route import v3 as route
from envoy_data_plane.envoy.type.matcher import v3 as matcher

from megarouter_envoy.options import IdentityProvider
from megarouter_envoy.typed_config import pack, set_header

SIGN_IN_PATH: Final = "/.well-known/megarouter"


def sign_in_page(
    providers: tuple[IdentityProvider, ...], model_url: str | None, report_certificates: Sequence[bytes] = ()
) -> route.Route:
    """Returns the route. Envoy answers from its memory, so a flood of questions reaches no service.

    Args:
        providers: whose tokens the admin API accepts.
        model_url: where models are called.
        report_certificates: in DER; the keys of these certificates sign reports.
    """
    get = route.HeaderMatcher(name=":method", string_match=matcher.StringMatcher(exact="GET"))
    document: dict[str, object] = {"identity_providers": [_described(provider) for provider in providers]}
    if model_url:
        document["model_url"] = model_url
    if report_certificates:
        document["report_certificates"] = [base64.b64encode(one).decode() for one in report_certificates]
    return route.Route(
        name="sign_in_page",
        match=route.RouteMatch(path=SIGN_IN_PATH, headers=[get]),
        typed_per_filter_config={"envoy.filters.http.grpc_json_transcoder": pack(route.FilterConfig(disabled=True))},
        response_headers_to_add=[
            set_header("cache-control", "no-store"),
            set_header("x-content-type-options", "nosniff"),
        ],
        direct_response=route.DirectResponseAction(
            status=200, body=core.DataSource(inline_string=json.dumps(document) + "\n")
        ),
    )


def _described(provider: IdentityProvider) -> dict[str, str]:
    described = {"name": provider.name, "issuer": provider.issuer}
    clients = {"cli_client_id": provider.cli_client_id, "console_client_id": provider.console_client_id}
    return described | {name: client for name, client in clients.items() if client}
