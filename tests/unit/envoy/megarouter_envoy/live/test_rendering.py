"""Clusters and credential files of providers that the API added."""

import base64
import dataclasses
import json
from pathlib import Path

import pytest
from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from envoy.extensions.filters.http.buffer.v3.buffer_pb2 import BufferPerRoute
from envoy.service.runtime.v3.rtds_pb2 import Runtime
from megarouter_envoy.gateway.live_folder import LiveFolder
from megarouter_envoy.gateway.live_resources import CLUSTER_TYPE, OPTIONS, ROUTES_TYPE, RUNTIME_TYPE, write_options
from megarouter_envoy.live.rendering import LiveProvider, Rendered, Wanted, render
from megarouter_envoy.options import BootstrapOptions, Discovery, ProviderTarget

from gateway_core.model.deployments.fallbacks import MOST_ATTEMPTS
from gateway_core.model.deployments.listener_limits import ListenerLimits
from tests.unit.envoy.megarouter_envoy.test_bootstrap import options as example

SECRET = "sk-a-credential"


@pytest.fixture
def folder(tmp_path: Path) -> LiveFolder:
    return LiveFolder(tmp_path / "live")


@pytest.fixture
def options(folder: LiveFolder, tmp_path: Path) -> BootstrapOptions:
    local = (ProviderTarget("local", "local.example", 443, tls=True),)
    discovery = Discovery(tmp_path / "discovery.sock", folder.directory)
    made = dataclasses.replace(
        example(tmp_path),
        providers=local,
        fallbacks=(),
        discovery=discovery,
        secret_sources_folder=tmp_path / "sources",
    )
    write_options(made, folder)
    return made


def added(target: str = "gpus", url: str = "https://gpus.example/v1", secret: str = SECRET) -> LiveProvider:
    return LiveProvider(target=target, url=url, header="authorization", secret=secret)


def names(rendered: Rendered) -> list[str]:
    return [one["name"] for one in rendered.resources if one["type_url"] == CLUSTER_TYPE]


def test_providers_of_the_database_come_beside_those_of_the_options(
    options: BootstrapOptions, folder: LiveFolder
) -> None:
    rendered = render(options, Wanted(providers=(added(),), fallbacks=(("gpus", "local"),)), folder)
    assert names(rendered) == [
        *("provider-local", "provider-gpus"),
        *("ownkey-local", "ownkey-gpus"),
        "fallback-2.gpus.local",
    ]
    assert rendered.refusals == {}


def test_the_credential_is_in_a_file_of_its_own_and_in_no_resource(
    options: BootstrapOptions, folder: LiveFolder
) -> None:
    rendered = render(options, Wanted(providers=(added(),)), folder)
    file = folder.secrets.credentials / "gpus"
    assert file.read_text() == SECRET
    assert file.stat().st_mode & 0o777 == 0o600
    assert SECRET not in json.dumps(rendered.resources)
    render(options, Wanted(), folder)
    assert not file.exists()


def test_one_that_cannot_be_reached_is_refused_and_leaves_the_others(
    options: BootstrapOptions, folder: LiveFolder
) -> None:
    wrong = (added("port", "https://gpus.example:http/v1"), added("secret", secret="über-geheim"), added())
    rendered = render(options, Wanted(providers=wrong), folder)
    assert names(rendered) == ["provider-local", "provider-gpus", "ownkey-local", "ownkey-gpus"]
    assert rendered.refusals.keys() == {"port", "secret"}


def test_the_database_takes_the_place_of_the_options(options: BootstrapOptions, folder: LiveFolder) -> None:
    assert names(render(options, Wanted(providers=(added("local"),)), folder)) == ["provider-local", "ownkey-local"]
    assert (folder.secrets.credentials / "local").read_text() == SECRET


def test_limits_are_values_of_the_runtime_and_of_each_cluster(options: BootstrapOptions, folder: LiveFolder) -> None:
    rendered = render(options, Wanted(limits=ListenerLimits(70, 20, 7)), folder)
    [layer] = [base64.b64decode(one["value"]) for one in rendered.resources if one["type_url"] == RUNTIME_TYPE]
    assert Runtime.FromString(layer).name == "live"
    assert dict(Runtime.FromString(layer).layer) == {
        "envoy.resource_limits.listener.model.connection_limit": 70,
        "envoy.resource_limits.listener.admin.connection_limit": 20,
    }
    made = [base64.b64decode(one["value"]) for one in rendered.resources if one["type_url"] == CLUSTER_TYPE]
    assert len(made) == 2  # the provider's, and that of own keys
    for one in made:
        assert {two.max_requests.value for two in Cluster.FromString(one).circuit_breakers.thresholds} == {7}


def test_limits_of_calls_are_in_the_routes(options: BootstrapOptions, folder: LiveFolder) -> None:
    limits = ListenerLimits(request_body_bytes=2_000, call_idle_seconds=30, call_duration_seconds=60)
    rendered = render(options, Wanted(limits=limits), folder)
    [made] = [base64.b64decode(one["value"]) for one in rendered.resources if one["type_url"] == ROUTES_TYPE]
    [host] = RouteConfiguration.FromString(made).virtual_hosts
    body = BufferPerRoute()
    assert host.typed_per_filter_config["envoy.filters.http.buffer"].Unpack(body)
    assert body.buffer.max_request_bytes.value == 2_000
    to_providers = [one for one in host.routes if one.route.cluster_header]
    assert len(to_providers) == MOST_ATTEMPTS
    for one in to_providers:
        assert one.route.idle_timeout.seconds == 30
        assert one.route.max_stream_duration.max_stream_duration.seconds == 60
    assert {one.request_body_buffer_limit.value for one in to_providers if one.route.HasField("retry_policy")} == {
        2_000
    }


def test_the_options_survive_their_file(options: BootstrapOptions, folder: LiveFolder) -> None:
    read = OPTIONS.validate_json(folder.options_file.read_bytes())
    assert read == dataclasses.replace(options, console=None, report_certificates=())
