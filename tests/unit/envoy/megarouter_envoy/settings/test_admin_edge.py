"""Settings of the admin listener. Invalid settings are refused by name."""

import json
import ssl
from pathlib import Path
from typing import Any

import pytest
from megarouter_envoy.options import FrontProxies
from megarouter_envoy.settings.admin_edge import (
    AdminEdge,
    AdminEdgeError,
    admin_edge,
    front_proxies,
    model_origins,
    origins_in,
)

from tests.support.signing_files import signing_files_in

PROVIDER = {"name": "staff", "issuer": "https://id.example", "audiences": ["megarouter"]}
REMOTE = {**PROVIDER, "jwks_uri": "https://id.example/keys"}


def load(tmp_path: Path, *providers: dict[str, Any]) -> AdminEdge:
    file = tmp_path / "providers.yaml"
    file.write_text(json.dumps({"identity_providers": providers}))
    return admin_edge({"MEGAROUTER_IDENTITY_PROVIDERS_FILE": str(file)})


def test_nothing_set_means_no_browsers_and_no_identity_providers() -> None:
    assert admin_edge({}) == AdminEdge((), ())


def test_origins_are_separated_by_commas() -> None:
    edge = admin_edge({"MEGAROUTER_ADMIN_ALLOWED_ORIGINS": "https://console.example, http://localhost:3000"})
    assert edge.allowed_origins == ("https://console.example", "http://localhost:3000")


def test_browsers_that_call_models_have_a_setting_of_their_own() -> None:
    name = "MEGAROUTER_MODEL_ALLOWED_ORIGINS"
    assert origins_in({name: "https://app.example,"}, name) == ("https://app.example",)
    assert origins_in({}, name) == ()
    with pytest.raises(AdminEdgeError, match=f"{name}: 'app' is not an origin"):
        origins_in({name: "app"}, name)


def test_the_console_may_call_models_from_each_of_its_addresses() -> None:
    settings = {
        "MEGAROUTER_SIGN_IN_PAGE_URL": "https://admin.example/console/sign-in",
        "MEGAROUTER_MODEL_ALLOWED_ORIGINS": "https://app.example,https://admin.example",
    }
    found = model_origins(settings, "http://127.0.0.1:18351")
    assert found == ("https://app.example", "https://admin.example", "http://127.0.0.1:18351")
    assert model_origins({}) == ()


def test_every_certificate_that_signs_reports_is_read(tmp_path: Path) -> None:
    text = signing_files_in(tmp_path).certificates.read_text(encoding="ascii")
    (tmp_path / "both.pem").write_text(text + text, encoding="ascii")
    edge = admin_edge({"MEGAROUTER_REPORT_CERTIFICATE_FILE": str(tmp_path / "both.pem")})
    assert edge.report_certificates == (ssl.PEM_cert_to_DER_cert(text),) * 2


def test_a_certificate_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AdminEdgeError, match="MEGAROUTER_REPORT_CERTIFICATE_FILE"):
        admin_edge({"MEGAROUTER_REPORT_CERTIFICATE_FILE": str(tmp_path / "none.pem")})


@pytest.mark.parametrize("origin", ["*", "console.example", "https://console.example/", "https://a b", "null"])
def test_an_invalid_origin_is_refused(origin: str) -> None:
    with pytest.raises(AdminEdgeError, match="is not an origin"):
        admin_edge({"MEGAROUTER_ADMIN_ALLOWED_ORIGINS": origin})


def test_the_keys_of_a_provider_are_at_an_address_or_in_a_file(tmp_path: Path) -> None:
    keys = tmp_path / "keys.json"
    keys.write_text("{}")
    local = {**PROVIDER, "name": "partners", "issuer": "https://partners.example", "jwks_file": str(keys)}
    staff, partners = load(tmp_path, REMOTE, local).identity_providers
    assert (staff.jwks_uri, staff.jwks_cache_s) == ("https://id.example/keys", 300)
    assert partners.jwks_file == keys


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"jwks_uri": None}, "either jwks_uri or jwks_file"),
        ({"jwks_file": "/nonexistent"}, "either jwks_uri or jwks_file"),
        ({"jwks_uri": None, "jwks_file": "keys.json"}, "absolute path"),
        ({"jwks_uri": None, "jwks_file": "/nonexistent"}, "absolute path of a file"),
        ({"jwks_uri": "http://id.example/keys"}, "https://"),
        ({"jwks_uri": "https://user:secret@id.example/keys"}, "https://"),
        ({"jwks_uri": "https://id.example:port/keys"}, "https://"),
        ({"jwks_uri": "file:///etc/keys"}, "https://"),
        ({"audiences": []}, "audiences"),
        ({"audiences": "megarouter"}, "audiences"),
        ({"issuer": ""}, "issuer"),
        ({"name": "Staff!"}, "name"),
        ({"jwks_cache_s": 0}, "jwks_cache_s"),
        ({"color": "red"}, "color"),
    ],
)
def test_a_provider_that_cannot_be_trusted_is_refused(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    with pytest.raises(AdminEdgeError, match=said):
        load(tmp_path, {**REMOTE, **change})


@pytest.mark.parametrize("change", [{"name": "other"}, {"issuer": "https://other.example"}])
def test_a_repeated_name_or_issuer_is_refused(tmp_path: Path, change: dict[str, str]) -> None:
    with pytest.raises(AdminEdgeError, match="twice"):
        load(tmp_path, REMOTE, {**REMOTE, **change})


@pytest.mark.parametrize("content", ["", "[]", "identity_providers: 1", "a: &a [*a]", "{", "\x00", "x" * 70_000])
def test_a_file_that_is_not_a_list_of_providers_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "providers.yaml"
    file.write_text(content)
    with pytest.raises(AdminEdgeError, match=r"providers\.yaml"):
        admin_edge({"MEGAROUTER_IDENTITY_PROVIDERS_FILE": str(file)})


@pytest.mark.parametrize("file", ["providers.yaml", "/nonexistent/providers.yaml"])
def test_a_missing_file_or_relative_path_is_refused(file: str) -> None:
    with pytest.raises(AdminEdgeError, match="MEGAROUTER_IDENTITY_PROVIDERS_FILE"):
        admin_edge({"MEGAROUTER_IDENTITY_PROVIDERS_FILE": file})


def test_proxies_in_front_are_trusted_only_if_set() -> None:
    assert front_proxies({}) == FrontProxies(trusted_hops=0, proxy_protocol=False)
    read = front_proxies({"MEGAROUTER_TRUSTED_HOPS": "2", "MEGAROUTER_PROXY_PROTOCOL": "true"})
    assert read == FrontProxies(trusted_hops=2, proxy_protocol=True)


@pytest.mark.parametrize(
    ("name", "value"),
    [("MEGAROUTER_TRUSTED_HOPS", "-1"), ("MEGAROUTER_TRUSTED_HOPS", "11"), ("MEGAROUTER_PROXY_PROTOCOL", "yes")],
)
def test_an_unclear_setting_of_proxies_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(AdminEdgeError, match=f"{name}: '{value}' is not a"):
        front_proxies({name: value})
