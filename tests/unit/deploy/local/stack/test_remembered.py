"""Values that a start reuses from an earlier start, and changes that make it build them again."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from megarouter_envoy.options import FrontProxies, IdentityProvider
from megarouter_envoy.settings.admin_edge import AdminEdge
from megarouter_envoy.settings.catalog_summary import CatalogRefusedError
from megarouter_envoy.settings.providers import Route

from deploy.local.programs.envoy import bootstrap, files
from deploy.local.programs.envoy.files import prepare_files
from deploy.local.stack.catalog_summary import read_catalog
from deploy.local.stack.environment import Backends
from deploy.local.stack.layout import REPOSITORY, Home, Ports, make_home
from deploy.local.stack.plan import StackPlan
from deploy.local.stack.remembered import remembered
from deploy.local.stack.secrets import new_secrets
from deploy.local.stack.specification import StackSpecification

CATALOG = REPOSITORY / "deploy" / "catalog" / "catalog.yaml"


def test_a_value_is_built_again_only_for_another_source(tmp_path: Path) -> None:
    made = iter(range(10))
    file = tmp_path / "value.json"
    assert [remembered(file, source, lambda: next(made)) for source in ("a", "a", "b", "b", "a")] == [0, 0, 1, 1, 2]
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", ["", "{", "[]", '{"source": "a"}', '"a"'])
def test_a_damaged_cache_file_counts_as_absent(tmp_path: Path, content: str) -> None:
    file = tmp_path / "value.json"
    file.write_text(content)
    assert remembered(file, "a", lambda: "made") == "made"
    assert json.loads(file.read_text())["value"] == "made"


def test_a_changed_catalog_is_read_again(tmp_path: Path) -> None:
    catalog = tmp_path / "catalog.yaml"
    shutil.copy(CATALOG, catalog)
    before = read_catalog(catalog, tmp_path / "summary.json")
    assert read_catalog(catalog, tmp_path / "summary.json") == before
    catalog.write_text(CATALOG.read_text().replace("OPENAI_API_KEY", "ANOTHER_API_KEY"))
    after = read_catalog(catalog, tmp_path / "summary.json")
    assert "ANOTHER_API_KEY" in {provider.credential_env for provider in after.providers}


def test_a_catalog_that_became_invalid_is_refused(tmp_path: Path) -> None:
    catalog = tmp_path / "catalog.yaml"
    shutil.copy(CATALOG, catalog)
    read_catalog(catalog, tmp_path / "summary.json")
    catalog.write_text("providers: 1")
    with pytest.raises(CatalogRefusedError):
        read_catalog(catalog, tmp_path / "summary.json")
    catalog.unlink()
    with pytest.raises(CatalogRefusedError, match="catalog"):
        read_catalog(catalog, tmp_path / "summary.json")


@pytest.fixture
def plan(tmp_path: Path) -> StackPlan:
    home = Home(tmp_path / "home")
    make_home(home)
    route = Route(
        "openai", "api.openai.com", 443, tls=True, credential_header="authorization", credential="first-secret"
    )
    backends = Backends("postgresql://", "redis://", {}, embedded_postgres=True, embedded_redis=True)
    return StackPlan(StackSpecification(home, Ports(18350)), new_secrets(), backends, [route], {})


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[StackPlan]:
    """Builds the configuration, and returns the inputs it was built from."""
    collected: list[StackPlan] = []
    build = bootstrap.write_bootstrap

    def collect(plan: StackPlan, otlp_endpoint: str | None, drain_grace_s: int) -> None:
        collected.append(plan)
        build(plan, otlp_endpoint, drain_grace_s)

    monkeypatch.setattr(bootstrap, "write_bootstrap", collect)
    return collected


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[StackPlan]:
    """Returns the inputs that a configuration was asked for. Building one takes two seconds, so a number stands for it."""
    collected: list[StackPlan] = []

    def collect(plan: StackPlan, _: str | None, __: int) -> None:
        collected.append(plan)
        plan.home.envoy_files.bootstrap_file.write_text(str(len(collected)))

    monkeypatch.setattr(bootstrap, "write_bootstrap", collect)
    return collected


def test_envoys_configuration_is_built_once_for_the_same_inputs(plan: StackPlan, built: list[StackPlan]) -> None:
    prepare_files(plan)
    text = plan.home.envoy_files.bootstrap_file.read_text()
    prepare_files(plan)
    assert (len(built), plan.home.envoy_files.bootstrap_file.read_text()) == (1, text)


def test_envoys_configuration_is_built_again_for_any_changed_input(plan: StackPlan, counted: list[StackPlan]) -> None:
    identity = IdentityProvider("staff", "https://id.example", ("console",), jwks_uri="https://id.example/keys")
    prepare_files(plan)
    for changed in (
        replace(plan, environment={"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4317"}),
        replace(plan, specification=replace(plan.specification, ports=Ports(18360))),
        replace(plan, specification=replace(plan.specification, ports=Ports(18360, 2))),
        replace(plan, routes=[replace(plan.routes[0], host="other.example")]),
        replace(plan, routes=[replace(plan.routes[0], credential=None)]),
        replace(plan, admin_edge=AdminEdge(("https://console.example",))),
        replace(plan, admin_edge=AdminEdge((), (identity,))),
        replace(plan, model_origins=("https://app.example",)),
        replace(plan, front_proxies=FrontProxies(trusted_hops=1)),
    ):
        count = len(counted)
        prepare_files(changed)
        assert len(counted) == count + 1
    plan.home.envoy_files.bootstrap_file.unlink()
    count = len(counted)
    prepare_files(changed)
    assert len(counted) == count + 1
    assert plan.home.envoy_files.bootstrap_file.exists()


def test_a_changed_credential_reaches_its_file_without_a_new_configuration(
    plan: StackPlan, built: list[StackPlan]
) -> None:
    prepare_files(plan)
    prepare_files(replace(plan, routes=[replace(plan.routes[0], credential="second-secret")]))
    assert (plan.home.envoy_files.credentials / "openai").read_text() == "second-secret"
    assert len(built) == 1
    assert "secret" not in plan.home.bootstrap_stamp_file.read_text()


def test_changed_code_counts_as_a_changed_input(
    plan: StackPlan, built: list[StackPlan], monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare_files(plan)
    monkeypatch.setattr(files, "source_of", lambda *_: "of other code")
    prepare_files(plan)
    assert len(built) == 2


LOADED_BY_NEITHER = (
    "grpc",
    "google.protobuf",
    "pydantic",
    "yaml",
    "valkey",
    "asyncpg",
    "betterproto2",
    "rich",
    "typer",
)


@pytest.mark.parametrize("module", ["deploy.local.__main__", "deploy.local.supervision.supervise"])
def test_a_start_imports_no_library_that_only_other_commands_use(module: str) -> None:
    """Imports used to take most of a start: each of these libraries costs between 0.05 s and 1 s."""
    code = f"import sys, {module}; print(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert set(LOADED_BY_NEITHER) & set(result.stdout.split()) == set()
