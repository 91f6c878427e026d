"""The console that Envoy serves: which files, under which headers, and what a build must have."""

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from megarouter_envoy.bootstrap import build_bootstrap
from megarouter_envoy.options import Console, IdentityProvider
from megarouter_envoy.replies.console_files import ConsoleNotBuiltError, read_console

from tests.unit.envoy.megarouter_envoy.test_bootstrap import options

MODELS, ISSUER = "https://models.example", "https://id.example"
PROVIDER = IdentityProvider("staff", f"{ISSUER}/realms/staff", ("console",), jwks_uri=f"{ISSUER}/keys")


def built(folder: Path, *assets: str, page_bytes: int = 300) -> Path:
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html.gz").write_bytes(b"p" * page_bytes)
    for name in assets:
        (folder / "assets" / name).write_bytes(name.encode())
    return folder


def routes_of(console: Console | None, report_certificates: tuple[bytes, ...] = ()) -> dict[str, Any]:
    given = replace(options(Path("/run/megarouter")), console=console, report_certificates=report_certificates)
    document = json.loads(build_bootstrap(given))
    listeners = {one["name"]: one for one in document["static_resources"]["listeners"]}
    manager = listeners["admin"]["filter_chains"][0]["filters"][-1]["typed_config"]
    configuration: dict[str, Any] = manager["route_config"]
    return configuration


def named(configuration: dict[str, Any]) -> dict[str, Any]:
    return {route["name"]: route for route in configuration["virtual_hosts"][0]["routes"]}


def headers_of(route: dict[str, Any]) -> dict[str, str]:
    return {option["header"]["key"]: option["header"]["value"] for option in route["response_headers_to_add"]}


@pytest.fixture
def console(tmp_path: Path) -> Console:
    return read_console(built(tmp_path / "dist", "index-b2.css.gz", "index-a1.js.gz"), MODELS, (PROVIDER,))


def test_each_asset_has_a_route_of_its_own_and_never_changes(console: Console) -> None:
    asset = named(routes_of(console))["console_index-a1.js"]
    assert asset["match"]["path"] == "/console/assets/index-a1.js"
    assert base64.b64decode(asset["direct_response"]["body"]["inline_bytes"]) == console.assets[0].content
    assert headers_of(asset)["cache-control"] == "public, max-age=31536000, immutable"
    assert headers_of(asset)["content-encoding"] == "gzip"


def test_every_other_path_is_the_page_which_is_asked_for_again_each_time(console: Console) -> None:
    page = named(routes_of(console))["console_page"]
    assert page["match"]["prefix"] == "/console/"
    assert base64.b64decode(page["direct_response"]["body"]["inline_bytes"]) == console.page
    assert headers_of(page)["cache-control"] == "no-cache"


def test_a_missing_asset_is_not_the_page(console: Console) -> None:
    names = list(named(routes_of(console)))
    assert names.index("console_index-b2.css") < names.index("console_no_asset") < names.index("console_page")
    assert named(routes_of(console))["console_no_asset"]["direct_response"] == {"status": 404}


def test_only_scripts_of_the_console_run_and_it_calls_nobody_else(console: Console) -> None:
    policy = headers_of(named(routes_of(console))["console_page"])["content-security-policy"].split("; ")
    assert {"default-src 'none'", "script-src 'self'", "require-trusted-types-for 'script'"} <= set(policy)
    assert f"connect-src 'self' {MODELS} {ISSUER}" in policy
    assert [directive for directive in policy if "unsafe" in directive] == ["style-src 'self' 'unsafe-inline'"]


def test_envoy_may_send_the_largest_file(tmp_path: Path) -> None:
    large = read_console(built(tmp_path / "dist", "a.js.gz", page_bytes=70_000), MODELS, ())
    assert routes_of(large)["max_direct_response_body_size_bytes"] == 70_000


def test_small_files_do_not_lower_envoys_own_limit(console: Console) -> None:
    assert routes_of(console)["max_direct_response_body_size_bytes"] == 4_096


def test_without_a_console_nothing_is_served_there() -> None:
    assert not [name for name in named(routes_of(None)) if name.startswith("console")]


def test_the_address_of_models_is_announced(console: Console) -> None:
    page = named(routes_of(console))["sign_in_page"]
    assert json.loads(page["direct_response"]["body"]["inline_string"])["model_url"] == MODELS


def test_the_certificates_that_sign_reports_are_announced(console: Console) -> None:
    page = named(routes_of(console, (b"first", b"second")))["sign_in_page"]
    document = json.loads(page["direct_response"]["body"]["inline_string"])
    assert [base64.b64decode(one) for one in document["report_certificates"]] == [b"first", b"second"]


def test_a_build_without_a_page_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConsoleNotBuiltError, match="has no page"):
        read_console(tmp_path, MODELS, ())


def test_a_file_of_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConsoleNotBuiltError, match=r"unknown kind: font\.woff2\."):
        read_console(built(tmp_path / "dist", "font.woff2.gz"), MODELS, ())
