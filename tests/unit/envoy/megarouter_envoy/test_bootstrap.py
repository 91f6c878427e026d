"""The content of the rendered bootstrap, and its validation by the real Envoy."""

import functools
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from megarouter.type.v1.error_reason_pb2 import ErrorReason
from megarouter_envoy.binary import BinaryNotFoundError, InvalidBootstrapError, find_binary, validate
from megarouter_envoy.bootstrap import build_bootstrap
from megarouter_envoy.clusters.authorities import system_authorities
from megarouter_envoy.clusters.credentials import credential_for, write_aws_access_key, write_secret_file
from megarouter_envoy.filters.admin_api import prepare_admin_api
from megarouter_envoy.listeners.tls import PlainHttpRefusedError
from megarouter_envoy.options import (
    AdminApi,
    AwsAccessKey,
    BootstrapOptions,
    IdentityProvider,
    ProviderTarget,
    ServiceSockets,
)
from megarouter_envoy.replies.admin_replies import REPLIES
from megarouter_envoy.replies.local_replies import CAUSES

from gateway_core.contract.errors import error_body
from gateway_core.model.endpoints import Dialect

# The example in RFC 7517, appendix A.1.
PUBLIC_KEY = {
    "kty": "EC",
    "crv": "P-256",
    "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
    "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
    "kid": "1",
}


def options(root: Path) -> BootstrapOptions:
    secrets = root / "secrets"
    return BootstrapOptions(
        model_port=10000,
        admin_port=10001,
        metrics_port=10002,
        envoy_admin_socket=root / "envoy-admin.sock",
        sockets=ServiceSockets(
            authz=root / "authz.sock",
            ratelimit=root / "ratelimit.sock",
            usage=root / "usage.sock",
            admin=root / "admin.sock",
        ),
        journal_path=root / "usage.log",
        admin_api=AdminApi(
            root / "admin_api.binpb",
            ("megarouter.admin.v1.ApiKeys", "megarouter.admin.v1.Credits"),
            root / "admin_json_types.lua",
        ),
        edge_secret_file=secrets / "edge",
        providers=(
            ProviderTarget("mock", "127.0.0.1", 10005, tls=False),
            ProviderTarget(
                "openai", "api.openai.com", 443, tls=True, credential=credential_for("openai", secrets / "openai")
            ),
            ProviderTarget(
                "anthropic",
                "api.anthropic.com",
                443,
                tls=True,
                credential=credential_for("anthropic", secrets / "anthropic"),
            ),
            ProviderTarget(
                "bedrock",
                "bedrock-runtime.eu-central-1.amazonaws.com",
                443,
                tls=True,
                credential=AwsAccessKey("eu-central-1", "bedrock", secrets / "bedrock"),
            ),
        ),
        otlp_endpoint="127.0.0.1:4317",
        admin_allowed_origins=("http://localhost:3000",),
        model_allowed_origins=("https://app.example",),
        identity_providers=(
            IdentityProvider("staff", "https://id.example", ("megarouter",), jwks_uri="https://id.example/keys"),
            IdentityProvider(
                "partners",
                "https://partners.example",
                ("megarouter",),
                jwks_file=root / "jwks.json",
                cli_client_id="megarouter",
                console_client_id="megarouter-console",
            ),
        ),
    )


built = functools.cache(build_bootstrap)
"""Shared by most tests, because building it takes a second."""


@pytest.fixture(scope="module")
def usable(tmp_path_factory: pytest.TempPathFactory) -> BootstrapOptions:
    root = tmp_path_factory.mktemp("usable")
    (root / "secrets").mkdir()
    for name in ("openai", "anthropic", "edge"):
        write_secret_file(root / "secrets" / name, f"secret-of-{name}")
    write_aws_access_key(root / "secrets" / "bedrock", "AKID:secret-of-bedrock")
    (root / "jwks.json").write_text(json.dumps({"keys": [PUBLIC_KEY]}))
    return replace(options(root), admin_api=prepare_admin_api(root / "admin_json_types.lua"))


def messages(document: object, kind: str) -> Iterator[dict[str, Any]]:
    """Returns every message at any depth whose type ends in `kind`."""
    if isinstance(document, dict):
        if str(document.get("@type", "")).endswith("." + kind):
            yield document
        for value in document.values():
            yield from messages(value, kind)
    elif isinstance(document, list):
        for value in document:
            yield from messages(value, kind)


def managers(bootstrap: BootstrapOptions) -> dict[str, dict[str, Any]]:
    document = json.loads(built(bootstrap))
    return {manager["stat_prefix"]: manager for manager in messages(document, "HttpConnectionManager")}


def test_same_options_give_the_same_bytes(usable: BootstrapOptions) -> None:
    assert build_bootstrap(usable) == build_bootstrap(usable)


def test_envoy_accepts_the_bootstrap(usable: BootstrapOptions, tmp_path: Path) -> None:
    path = tmp_path / "bootstrap.json"
    path.write_text(built(usable))
    validate(path)


def test_envoy_accepts_the_smallest_bootstrap(usable: BootstrapOptions, tmp_path: Path) -> None:
    path = tmp_path / "bootstrap.json"
    path.write_text(
        built(
            replace(
                usable,
                providers=(),
                identity_providers=(),
                otlp_endpoint=None,
                admin_allowed_origins=(),
                model_allowed_origins=(),
            )
        )
    )
    validate(path)


def test_an_invalid_bootstrap_is_reported_with_envoys_message(tmp_path: Path) -> None:
    path = tmp_path / "bootstrap.json"
    path.write_text('{"static_resources":{"listeners":"none"}}')
    with pytest.raises(InvalidBootstrapError, match="listeners"):
        validate(path)


def test_a_missing_envoy_binary_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEGAROUTER_ENVOY_BINARY", str(tmp_path / "no-envoy"))
    with pytest.raises(BinaryNotFoundError, match="no-envoy"):
        find_binary()


def test_secrets_stay_in_their_files(usable: BootstrapOptions) -> None:
    assert "secret-of-" not in built(usable)
    assert (usable.edge_secret_file.parent / "openai").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("secret", ["", "two\nlines", "tab\t", "não"])
def test_a_secret_that_is_not_a_header_value_is_refused(secret: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="printable ASCII"):
        write_secret_file(tmp_path / "secret", secret)


def test_both_decisions_fail_closed(usable: BootstrapOptions) -> None:
    document = json.loads(built(usable))
    (authorization,) = messages(document, "ExtAuthz")
    assert not authorization.get("failure_mode_allow", False)
    assert authorization["status_on_error"]["code"] == "ServiceUnavailable"
    assert authorization["grpc_service"]["timeout"] == "2s"
    assert "with_request_body" not in authorization
    (rate_limit,) = messages(document, "RateLimit")
    assert rate_limit["failure_mode_deny"]
    assert rate_limit["timeout"] == "1s"


def test_no_call_to_a_provider_is_retried(usable: BootstrapOptions) -> None:
    document = json.loads(built(usable))
    assert "retry_policy" not in json.dumps(managers(usable)["model"]["route_config"])
    thresholds = [
        threshold
        for cluster in document["static_resources"]["clusters"]
        if cluster["name"].startswith("provider-")
        for threshold in cluster["circuit_breakers"]["thresholds"]
    ]
    assert thresholds
    assert all(threshold["max_retries"] == 0 for threshold in thresholds)


def test_only_a_route_to_several_deployments_goes_on_to_the_next(usable: BootstrapOptions) -> None:
    several = replace(usable, fallbacks=(("openai", "mock"), ("anthropic", "openai", "mock")))
    (host,) = managers(several)["model"]["route_config"]["virtual_hosts"]
    policies = {route["name"]: route["route"].get("retry_policy") for route in host["routes"] if "route" in route}
    assert policies["provider"] is None
    assert [policies[name]["num_retries"] for name in ("provider_2", "provider_3")] == [1, 2]


def test_envoy_accepts_fallbacks(usable: BootstrapOptions, tmp_path: Path) -> None:
    several = replace(
        usable,
        fallbacks=(("openai", "mock"), ("openai", "openai"), ("anthropic", "bedrock", "mock"), ("bedrock", "bedrock")),
    )
    bootstrap = tmp_path / "bootstrap.json"
    bootstrap.write_text(built(several), encoding="utf-8")
    validate(bootstrap)


def test_a_question_is_repeated_if_no_answer_came_and_an_admin_call_if_no_handler_received_it(
    usable: BootstrapOptions,
) -> None:
    document = json.loads(built(usable))
    asked = {
        "authz_service": "connect-failure,refused-stream,reset",
        "ratelimit_service": "connect-failure,refused-stream,reset",
        "admin_service": "connect-failure,refused-stream,cancelled",
    }
    for cluster in document["static_resources"]["clusters"]:
        options = cluster.get("typed_extension_protocol_options", {})
        policy = next((protocol.get("retry_policy") for protocol in options.values()), None)
        assert (policy is not None) is (cluster["name"] in asked)
        if policy is not None:
            assert policy["retry_on"] == asked[cluster["name"]]
            predicates = [predicate["name"] for predicate in policy["retry_host_predicate"]]
            assert predicates == ["envoy.retry_host_predicates.previous_hosts"]


@pytest.mark.parametrize("address", ["0.0.0.0", "10.1.2.3", "gateway.example"])  # noqa: S104
def test_plain_http_for_other_machines_is_refused_unless_it_is_allowed(usable: BootstrapOptions, address: str) -> None:
    with pytest.raises(PlainHttpRefusedError, match=address):
        build_bootstrap(replace(usable, listen_address=address))
    assert build_bootstrap(replace(usable, listen_address=address, allow_plain_http=True))


def test_filters_are_in_the_order_of_the_call(usable: BootstrapOptions) -> None:
    names = [entry["name"].removeprefix("envoy.filters.http.") for entry in managers(usable)["model"]["http_filters"]]
    assert names == [
        "header_to_metadata", "cors", "megarouter.request_facts", "buffer", "ext_authz", "ratelimit", "megarouter.rewriter",
        "megarouter.decompress_gzip", "router",
    ]  # fmt: skip


def test_tokens_and_json_are_checked_before_rest_is_translated(usable: BootstrapOptions) -> None:
    """And no script runs before the door."""
    names = [
        entry["name"].removeprefix("envoy.filters.http.") for entry in managers(usable)["admin_api"]["http_filters"]
    ]
    deadline_check, status = "megarouter.deadline_check", "megarouter.answer_status"
    before = [
        "header_to_metadata",
        "cors",
        "grpc_web",
        "jwt_authn",
        "megarouter.admin_door",
        deadline_check,
        "buffer",
        "lua",
    ]
    assert names == [*before, status, "grpc_json_transcoder", "router"]


def test_no_token_is_checked_without_identity_providers(usable: BootstrapOptions) -> None:
    assert not list(messages(json.loads(built(replace(usable, identity_providers=()))), "JwtAuthentication"))


def test_every_identity_provider_requires_issuer_audience_and_expiry(usable: BootstrapOptions) -> None:
    (tokens,) = messages(json.loads(built(usable)), "JwtAuthentication")
    assert len(tokens["providers"]) == 2
    for provider in tokens["providers"].values():
        assert provider["issuer"]
        assert provider["audiences"] == ["megarouter"]
        assert provider["require_expiration"]
        assert provider["forward_payload_header"] == "x-megarouter-identity"


def test_every_reason_of_the_admin_listener_is_defined_in_the_api() -> None:
    assert {reply.reason for reply in REPLIES} <= set(ErrorReason.keys())


def test_calls_are_spread_over_the_workers_of_a_service(usable: BootstrapOptions) -> None:
    sockets = replace(usable.sockets, authz=Path("/run/authz.sock"), authz_workers=3)
    document = json.loads(built(replace(usable, sockets=sockets)))
    found = {
        cluster["name"]: re.findall(r'"path": "([^"]+)"', json.dumps(cluster))
        for cluster in document["static_resources"]["clusters"]
    }
    assert found["authz_service"] == ["/run/authz.sock", "/run/authz-1.sock", "/run/authz-2.sock"]
    assert len(found["ratelimit_service"]) == 1


@pytest.mark.parametrize(("replicas", "asks_a_second"), [(1, False), (2, True)])
def test_a_second_replica_is_asked_too_if_there_is_one(
    usable: BootstrapOptions, tmp_path: Path, replicas: int, *, asks_a_second: bool
) -> None:
    sockets = replace(usable.sockets, authz_workers=replicas, ratelimit_workers=replicas)
    document = replace(usable, sockets=sockets)
    filters = {one["name"]: json.dumps(one) for one in managers(document)["model"]["http_filters"]}
    for name in ("megarouter.request_facts", "envoy.filters.http.ext_authz", "envoy.filters.http.ratelimit"):
        assert ("x-envoy-hedge-on-per-try-timeout" in filters[name]) == asks_a_second
        assert ("x-envoy-upstream-rq-per-try-timeout-ms" in filters[name]) == asks_a_second
    path = tmp_path / "bootstrap.json"
    path.write_text(built(document))
    validate(path)


def test_only_the_header_of_authz_service_routes_to_a_provider(usable: BootstrapOptions) -> None:
    (host,) = managers(usable)["model"]["route_config"]["virtual_hosts"]
    route, refused = host["routes"]
    assert route["route"]["cluster_header"] == "x-megarouter-cluster"
    assert "route" not in refused
    assert "x-megarouter-cluster" in host["request_headers_to_remove"]


@pytest.mark.parametrize("listener", ["model", "admin_api"])
def test_clients_cannot_send_headers_that_control_the_gateway(usable: BootstrapOptions, listener: str) -> None:
    (early,) = managers(usable)[listener]["early_header_mutation_extensions"]
    removed = json.dumps(early)
    for name in ("x-megarouter-", "x-envoy-", "x-request-id", "accept-encoding"):
        assert f'"{name}"' in removed


def test_both_logs_contain_only_the_end_of_metered_calls(usable: BootstrapOptions) -> None:
    *metered, refused, journal = managers(usable)["model"]["access_log"]
    logs = [*metered, journal]
    assert refused["filter"]["and_filter"]["filters"][0]["log_type_filter"]["types"] == ["DownstreamEnd"]
    grpc = "envoy.access_loggers.http_grpc"
    assert [log["name"] for log in logs] == [grpc, grpc, "envoy.access_loggers.file"]
    own = [log["filter"]["and_filter"]["filters"] for log in logs]
    for kinds, hold in [*(filters[1]["and_filter"]["filters"] for filters in own[:2]), own[2]]:
        assert kinds["log_type_filter"]["types"] == ["DownstreamEnd"]
        assert hold["metadata_filter"]["matcher"]["path"] == [{"key": "hold"}]
        assert hold["metadata_filter"]["match_if_key_not_found"] is False


def test_a_call_is_in_one_grpc_log_and_sooner_if_another_call_may_wait_for_it(usable: BootstrapOptions) -> None:
    others, awaited, _, _ = managers(usable)["model"]["access_log"]
    filters = [log["filter"]["and_filter"]["filters"][0]["metadata_filter"] for log in (others, awaited)]
    assert [one["matcher"]["path"] for one in filters] == [[{"key": "report_soon"}]] * 2
    assert [one["matcher"]["value"] for one in filters] == [{"null_match": {}}, {"present_match": True}]
    assert [one["match_if_key_not_found"] for one in filters] == [True, False]
    intervals = [log["typed_config"]["common_config"]["buffer_flush_interval"] for log in (others, awaited)]
    assert intervals == ["0.100s", "0.020s"]


def test_certificates_of_providers_are_checked_by_name_and_authority(usable: BootstrapOptions) -> None:
    contexts = list(messages(json.loads(built(usable)), "UpstreamTlsContext"))
    assert [context["sni"] for context in contexts] == [
        "id.example",
        "api.openai.com",
        "api.anthropic.com",
        "bedrock-runtime.eu-central-1.amazonaws.com",
    ]
    for context in contexts:
        assert context["auto_sni_san_validation"]
        assert context["common_tls_context"]["validation_context"]["trusted_ca"]["filename"] == str(
            system_authorities()
        )


def test_credentials_have_the_format_of_their_provider(usable: BootstrapOptions) -> None:
    ours, *forms = [
        (generic["header"], generic.get("header_value_prefix", ""))
        for generic in messages(json.loads(built(usable)), "Generic")
    ]
    assert ours == ("x-megarouter-edge-secret", "")
    assert forms == [("authorization", "Bearer "), ("x-api-key", "")]


@pytest.mark.parametrize("dialect", list(Dialect))
def test_every_local_error_is_json_that_says_what_to_do(dialect: Dialect) -> None:
    for cause in CAUSES:
        error = json.loads(error_body(cause.error, dialect))["error"]
        assert error["message"].endswith(".")
        assert cause.error.status >= 400


def test_the_last_cause_matches_everything() -> None:
    *_, last = CAUSES
    assert (last.flags, last.status_matched) == ((), None)
