"""The filters of the admin listener: browsers, gRPC-Web, tokens of identity providers, JSON, REST."""

import json

from envoy_data_plane.envoy.config.core import v3 as core
from envoy_data_plane.envoy.config.route import v3 as route
from envoy_data_plane.envoy.extensions.filters.http.buffer import v3 as buffer
from envoy_data_plane.envoy.extensions.filters.http.cors import v3 as cors
from envoy_data_plane.envoy.extensions.filters.http.grpc_json_transcoder import v3 as transcoder
from envoy_data_plane.envoy.extensions.filters.http.grpc_web import v3 as grpc_web
from envoy_data_plane.envoy.extensions.filters.http.jwt_authn import v3 as jwt_authn
from envoy_data_plane.envoy.extensions.filters.http.lua import v3 as lua
from envoy_data_plane.envoy.extensions.filters.http.router import v3 as router
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager import v3 as hcm
from envoy_data_plane.google.protobuf import Any, Empty

from gateway_core.contract import headers
from megarouter_envoy.filters import module_filters
from megarouter_envoy.names import ADMIN_CLUSTER, CORS_FILTER
from megarouter_envoy.options import BootstrapOptions, IdentityProvider
from megarouter_envoy.typed_config import http_filter, pack, seconds

JWKS_TIMEOUT_S = 5
BUFFER = "envoy.filters.http.buffer"
JSON_CHECK = "envoy.filters.http.lua"
DEADLINE_CHECK = "megarouter.deadline_check"
# Accepts only the deadlines that the gRPC protocol allows; Envoy itself forwards anything. The status is
# INVALID_ARGUMENT; REST has its own body.
REFUSE_MALFORMED_DEADLINE = """
function envoy_on_request(handle)
  local headers = handle:headers()
  local timeout = headers:get("grpc-timeout")
  if timeout == nil or (#timeout <= 9 and timeout:find("^%d+[HMSmun]$")) then return end
  local why = "grpc-timeout must have 1 to 8 digits and a unit: H, M, S, m, u or n."
  if not (headers:get("content-type") or ""):find("^application/grpc") then
    handle:respond({ [":status"] = "400" }, why)
    return
  end
  local answer = { ["content-type"] = "application/grpc", ["grpc-status"] = "3", ["grpc-message"] = why }
  answer[":status"] = "200"
  handle:respond(answer, "")
end
"""
ANSWER_STATUS = "megarouter.answer_status"
# Gives a translated answer the status that admin_service chose. Envoy itself knows only those of gRPC.
SET_STATUS = f"""
function envoy_on_response(handle)
  local headers = handle:headers()
  local status = headers:get("{headers.HTTP_STATUS}")
  if status == nil then return end
  headers:remove("{headers.HTTP_STATUS}")
  if (headers:get("content-type") or ""):find("^application/grpc") then return end
  if status:find("^[2-5]%d%d$") then headers:replace(":status", status) end
end
"""


def admin_filters(options: BootstrapOptions) -> list[hcm.HttpFilter]:
    """Returns the filters in the order in which a request passes them."""
    filters = [
        http_filter(CORS_FILTER, cors.Cors()),
        http_filter("envoy.filters.http.grpc_web", grpc_web.GrpcWeb()),
    ]
    if options.identity_providers:
        filters.append(http_filter("envoy.filters.http.jwt_authn", _identity_tokens(options.identity_providers)))
    # Behind the check of signed tokens, so that admin_service can be asked about them; before all that keeps or parses a body,
    # and before every script.
    limits = options.limits
    door = module_filters.admin_door(
        options.module_path,
        ADMIN_CLUSTER,
        limits.authorization_timeout_s,
        limits.max_admin_calls,
        limits.max_admin_calls_of_caller,
    )
    return [
        *filters,
        door,
        http_filter(
            DEADLINE_CHECK, lua.Lua(default_source_code=core.DataSource(inline_string=REFUSE_MALFORMED_DEADLINE))
        ),
        http_filter(BUFFER, buffer.Buffer(max_request_bytes=options.limits.max_admin_request_bytes)),
        http_filter(JSON_CHECK, _json_check(options)),
        http_filter(ANSWER_STATUS, lua.Lua(default_source_code=core.DataSource(inline_string=SET_STATUS))),
        http_filter("envoy.filters.http.grpc_json_transcoder", _rest(options)),
        http_filter("envoy.filters.http.router", router.Router(suppress_envoy_headers=True)),
    ]


def rest_only() -> dict[str, Any]:
    """Returns the settings for the gRPC route, which turn off filters for REST: its bodies are not JSON, and its
    streams are not buffered.
    """
    return {BUFFER: pack(buffer.BufferPerRoute(disabled=True)), JSON_CHECK: pack(lua.LuaPerRoute(disabled=True))}


def _json_check(options: BootstrapOptions) -> lua.Lua:
    """Returns the JSON check. Its paths are trusted, and their JSON texts are valid Lua strings."""
    check, types = (json.dumps(str(path)) for path in (options.admin_json_path, options.admin_api.json_types_file))
    source = f"local check, types = dofile({check}), dofile({types})\nfunction envoy_on_request(handle) check(handle, types) end\n"
    return lua.Lua(default_source_code=core.DataSource(inline_string=source))


def _rest(options: BootstrapOptions) -> transcoder.GrpcJsonTranscoder:
    """Returns the REST translation that the protos describe (`google.api.http`). It refuses misspelled names."""
    return transcoder.GrpcJsonTranscoder(
        proto_descriptor=str(options.admin_api.descriptor_file),
        services=list(options.admin_api.services),
        print_options=transcoder.GrpcJsonTranscoderPrintOptions(always_print_primitive_fields=True),
        convert_grpc_status=True,
        match_unregistered_custom_verb=True,
        query_param_unescape_plus=True,
        request_validation_options=transcoder.GrpcJsonTranscoderRequestValidationOptions(
            reject_unknown_method=True, reject_unknown_query_parameters=True, reject_binding_body_field_collisions=True
        ),
        max_request_body_size=options.limits.max_admin_request_bytes,
        max_response_body_size=options.limits.max_admin_response_bytes,
    )


def _identity_tokens(providers: tuple[IdentityProvider, ...]) -> jwt_authn.JwtAuthentication:
    """Returns a filter that verifies tokens signed by an identity provider, and passes everything else without an
    identity.

    admin_service refuses, so that the response is the same for every unusable credential. It receives the payload of a
    verified token in a header that no client can set, together with the token to compare it with.
    """
    names = [jwt_authn.JwtRequirement(provider_name=provider.name) for provider in providers]
    names.append(jwt_authn.JwtRequirement(allow_missing_or_failed=Empty()))
    one_or_none = jwt_authn.JwtRequirement(requires_any=jwt_authn.JwtRequirementOrList(requirements=names))
    return jwt_authn.JwtAuthentication(
        providers={provider.name: _jwt_provider(provider) for provider in providers},
        rules=[jwt_authn.RequirementRule(match=route.RouteMatch(prefix="/"), requires=one_or_none)],
    )


def _jwt_provider(provider: IdentityProvider) -> jwt_authn.JwtProvider:
    built = jwt_authn.JwtProvider(
        issuer=provider.issuer,
        audiences=list(provider.audiences),
        require_expiration=True,
        forward=True,
        forward_payload_header=headers.IDENTITY,
        from_headers=[
            jwt_authn.JwtHeader(name=headers.AUTHORIZATION, value_prefix=scheme) for scheme in ("Bearer ", "bearer ")
        ],
    )
    if provider.jwks_uri is None:
        built.local_jwks = core.DataSource(filename=str(provider.jwks_file))
        return built
    uri = core.HttpUri(uri=provider.jwks_uri, cluster=provider.cluster, timeout=seconds(JWKS_TIMEOUT_S))
    built.remote_jwks = jwt_authn.RemoteJwks(
        http_uri=uri,
        cache_duration=seconds(provider.jwks_cache_s),
        async_fetch=jwt_authn.JwksAsyncFetch(fast_listener=True),
    )
    return built
