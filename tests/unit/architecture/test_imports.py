"""The allowed imports. They point one way: from resources to access, stores to model, and services to the core."""

import ast
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from tests.support.checkout.source_tree import (
    MODULES,
    NOT_SHIPPED,
    OURS,
    SERVICES,
    SHIPPED,
    dotted,
    imports_of,
    is_inside,
    modules_below,
    name_of,
    named_packages,
    reached_from,
    tree_of,
)

MODEL_LIBRARIES = frozenset({"pydantic", "yaml"})
"""The only packages that the model uses besides the standard library. It runs and is tested without databases or network."""

ROOMS = {
    "gateway_core": ("model", "contract", "runtime", "schema", "stores"),
    "gateway_core.model": (
        "organization",
        "limits",
        "alerts",
        "catalog",
        "deployments",
        "routing",
        "ledger",
        "calls",
        "routed_calls",
        "anomalies",
    ),
    "authz_service": ("request", "identities", "stored_objects", "feedback", "holds", "deployments"),
    "usage_service": (
        "provider_reports",
        "stored_objects",
        "routed_calls",
        "settlement",
        "deployments",
        "journal",
        "counters",
        "refusals",
        "rollups",
        "standings",
        "alerts",
        "anomalies",
        "audit",
    ),
    "admin_service": (
        "api",
        "access",
        "listing",
        "serving",
        "sign_in",
        "analytics",
        "resources",
        "scim",
        "discovery",
        "demo",
        "peppers",
        "first_operator",
        "doctor",
    ),
    "notification_service": ("transport", "mail", "channels", "outbox"),
    "megarouter_envoy": ("clusters", "logs", "filters", "replies", "listeners", "settings", "gateway", "live"),
    "deploy.local": ("toolchain", "process", "stack", "programs", "supervision", "demo_data", "cli"),
}
"""The folders of each package, lowest first. A folder imports only from those before it."""

REACHES_OUT: frozenset[str] = frozenset()
"""This list may only shrink."""

WITH_ANOTHER_USER = (
    "gateway_core.contract",
    "gateway_core.schema",
    "gateway_core.runtime.unix_sockets",
    "gateway_core.model.catalog_file",
    "gateway_core.model.deployments.fallbacks",
    "gateway_core.model.deployments.listener_limits",
    "gateway_core.model.deployments.live_configuration",
    "gateway_core.model.organization.issuer_fields",
)
"""Code in the core that is shared with Envoy or the deployment instead of a second service."""

USED_BY_ONE_SERVICE: frozenset[str] = frozenset()
"""This list may only shrink."""


def of_each_module(*folders: str) -> Callable[[Callable[[Path], None]], Callable[[], None]]:
    """Makes a rule about one module a test of all modules in these folders. It names every module that breaks the rule."""

    def test_of(rule: Callable[[Path], None]) -> Callable[[], None]:
        def test() -> None:
            broken = [text for path in modules_below(*folders) if (text := _breach(rule, path))]
            assert not broken, "\n".join(broken)

        test.__name__, test.__doc__ = rule.__name__, rule.__doc__
        return test

    return test_of


def _breach(rule: Callable[[Path], None], path: Path) -> str:
    try:
        rule(path)
    except AssertionError as error:
        return f"{name_of(path)}: {error}"
    return ""


def test_known_modules_are_found() -> None:
    assert {"gateway_core.model.money", "gateway_core.runtime.settings", "megarouter_envoy.options"} <= set(MODULES)
    assert len(MODULES) > 600


@of_each_module("gateway_core/model")
def test_the_model_imports_only_itself(path: Path) -> None:
    for module in imports_of(path):
        top = module.partition(".")[0]
        assert is_inside(module, "gateway_core.model") or top in MODEL_LIBRARIES or top in sys.stdlib_module_names, (
            module
        )


@of_each_module("gateway_core/contract")
def test_the_contract_imports_only_itself_and_the_model(path: Path) -> None:
    for module in imports_of(path):
        ours = is_inside(module, "gateway_core.contract", "gateway_core.model")
        assert ours or module.partition(".")[0] in sys.stdlib_module_names, module


@of_each_module("gateway_core/contract", "gateway_core/model")
def test_the_model_reads_no_clock_no_randomness_and_no_environment(path: Path) -> None:
    """Callers pass these in. Only the catalog reads a file, which its caller names."""
    assert not {"os", "random", "secrets", "time", "uuid", "socket", "asyncio", "threading"} & imports_of(path)
    for node in ast.walk(tree_of(path)):
        assert not (isinstance(node, ast.Attribute) and node.attr in {"now", "utcnow", "today"}), node.lineno


@of_each_module("gateway_core")
def test_the_core_imports_no_service(path: Path) -> None:
    for module in imports_of(path):
        assert module.partition(".")[0] not in OURS or is_inside(module, "gateway_core"), module


@of_each_module(*SERVICES)
def test_a_service_imports_only_itself_the_core_and_generated_code(path: Path) -> None:
    service = name_of(path).partition("/")[0]
    for module in imports_of(path):
        assert module.partition(".")[0] not in OURS or is_inside(module, service, "gateway_core", "megarouter"), module


@of_each_module("envoy/megarouter_envoy")
def test_the_bootstrap_builder_imports_only_itself_the_contract_and_the_model(path: Path) -> None:
    for module in imports_of(path):
        ours = is_inside(module, "megarouter_envoy", "gateway_core.contract", "gateway_core.model")
        assert module.partition(".")[0] not in OURS or ours, module


@of_each_module(*SERVICES, "gateway_core")
def test_a_service_loads_only_one_copy_of_envoys_messages(path: Path) -> None:
    """docs/adr/0006: the other copy takes seconds and 26 MB to import."""
    assert not any(is_inside(module, "envoy_data_plane", "betterproto2") for module in imports_of(path))


@of_each_module("mock_provider")
def test_the_mock_provider_imports_nothing_of_the_gateway(path: Path) -> None:
    """Its tally must be an independent record of the calls it served."""
    for module in imports_of(path):
        assert module.partition(".")[0] not in OURS or is_inside(module, "mock_provider"), module


@of_each_module("sdk/python")
def test_the_python_client_imports_only_itself_and_generated_code(path: Path) -> None:
    """Customers install it without the rest of the project."""
    for module in imports_of(path):
        assert module.partition(".")[0] not in OURS or is_inside(module, "megarouter_admin", "megarouter"), module


@of_each_module(*SHIPPED)
def test_shipped_code_does_not_import_unshipped_code(path: Path) -> None:
    reached = {name for name in imports_of(path) | named_packages(path) if is_inside(name, *NOT_SHIPPED)}
    assert not reached or dotted(path) in REACHES_OUT, reached


def test_packages_named_in_a_string_count_as_imported(tmp_path: Path) -> None:
    source = tmp_path / "example.py"
    source.write_text('from importlib import resources\nresources.files("deploy") / "migrations"\n')
    assert named_packages(source) == {"deploy"}


@pytest.mark.parametrize("package", ROOMS)
def test_every_folder_of_a_package_is_in_the_order(package: str) -> None:
    depth = package.count(".") + 1
    folders = {
        name.split(".")[depth]
        for name, path in MODULES.items()
        if is_inside(name, package)
        and name.count(".") >= depth
        and (path.name == "__init__.py" or name.count(".") > depth)
    }
    assert folders - {"lean_grpc"} == set(ROOMS[package])


@pytest.mark.parametrize("package", ROOMS)
def test_folders_import_one_way(package: str) -> None:
    order = {f"{package}.{room}": place for place, room in enumerate(ROOMS[package])}
    for name, path in MODULES.items():
        here = next((room for room in order if is_inside(name, room)), None)
        if here is None:
            continue
        for module in imports_of(path):
            there = next((room for room in order if is_inside(module, room)), None)
            assert there is None or order[there] <= order[here], f"{name} imports {module}"


def test_resources_have_no_import_cycle() -> None:
    """An order exists in which each resource imports only earlier ones."""
    arrows = {(_resource(name), _resource(module)) for name, path in MODULES.items() for module in imports_of(path)}
    remaining = {one for pair in arrows for one in pair if one}
    while remaining:
        free = {one for one in remaining if not any(a == one and b in remaining and b != one for a, b in arrows)}
        assert free, f"an import cycle among {sorted(remaining)}"
        remaining -= free


def _resource(module: str) -> str:
    parts = module.split(".")
    return parts[2] if module.startswith("admin_service.resources.") else ""


def test_code_in_the_core_is_used_by_two_services() -> None:
    users: dict[str, set[str]] = {}
    for service in SERVICES:
        for module in reached_from(service):
            users.setdefault(module, set()).add(service)
    alone = {
        name
        for name, path in MODULES.items()
        if is_inside(name, "gateway_core")
        and path.name != "__init__.py"
        and len(users.get(name, ())) < 2
        and not is_inside(name, *WITH_ANOTHER_USER)
    }
    assert alone == USED_BY_ONE_SERVICE


def test_the_orders_name_each_folder_once() -> None:
    for order in ROOMS.values():
        assert all(before != after for before, after in pairwise(sorted(order)))
