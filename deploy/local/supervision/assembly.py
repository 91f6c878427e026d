"""Turns a specification into the processes to start, the routes to providers and the demo organization."""

from collections.abc import Mapping, Sequence

from megarouter_envoy.binary import drain_limit_s
from megarouter_envoy.settings.admin_edge import AdminEdgeError, admin_edge, front_proxies, model_origins
from megarouter_envoy.settings.catalog_summary import CatalogRefusedError
from megarouter_envoy.settings.drain_grace import DrainGraceError, drain_grace_s
from megarouter_envoy.settings.providers import Address, ProviderError, Route, example_model, plan_routes
from megarouter_envoy.settings.public_listeners import PublicListenersError, public_listeners
from megarouter_envoy.settings.variables import HOST

from deploy.local.programs.demo import seed_demo
from deploy.local.programs.migration import migrate_database
from deploy.local.programs.postgres import postgres_url
from deploy.local.programs.redis import redis_url
from deploy.local.programs.stack_programs import external_addresses, stack_programs
from deploy.local.stack.catalog_summary import read_catalog
from deploy.local.stack.database_urls import DatabaseUrlError
from deploy.local.stack.environment import (
    INBOX_SECRET,
    INBOX_URL,
    aws_variables,
    choose_backends,
    client_environment,
    database_environment,
    inbox_url,
    inherited,
    service_environment,
)
from deploy.local.stack.plan import StackPlan
from deploy.local.stack.secrets import load_or_make_secrets
from deploy.local.stack.specification import StackSpecification
from deploy.local.stack.state import Health, ProcessState
from deploy.local.supervision.lifecycle import Assembly, RefusedError

_REFUSALS = (
    AdminEdgeError,
    CatalogRefusedError,
    DatabaseUrlError,
    DrainGraceError,
    ProviderError,
    PublicListenersError,
)


def assemble(specification: StackSpecification, environment: Mapping[str, str]) -> Assembly:
    """Returns everything that the supervisor starts.

    Args:
        specification: the stack.
        environment: of the caller.

    Raises:
        RefusedError: the catalog or the environment does not describe a stack that can run.
        LayoutError: the home cannot be used.
    """
    try:
        catalog = read_catalog(specification.catalog_file, specification.home.catalog_summary_file)
        routes = plan_routes(catalog.providers, environment, Address(HOST, specification.ports.mock_provider))
        plan = _plan(specification, routes, catalog.fallbacks, environment)
        programs = stack_programs(plan)
    except _REFUSALS as error:
        raise RefusedError(str(error)) from error
    external = external_addresses(plan.backends).items()
    return Assembly(
        programs=programs,
        migrate=lambda: migrate_database(plan.home, {**plan.environment, **database_environment(plan.backends)}),
        seed=lambda: _seed(plan),
        other_processes=tuple(ProcessState(name=name, address=at, health=Health.EXTERNAL) for name, at in external),
        real_providers=_names(routes, mock=False),
        mock_providers=_names(routes, mock=True),
        example_model=example_model(catalog.models, routes),
        drain_grace_s=drain_limit_s(drain_grace_s(plan.environment)),
    )


def _plan(
    specification: StackSpecification,
    routes: Sequence[Route],
    fallbacks: tuple[tuple[str, ...], ...],
    environment: Mapping[str, str],
) -> StackPlan:
    secrets = load_or_make_secrets(specification.home)
    backends = choose_backends(
        environment,
        postgres_url(specification.ports.postgres, secrets.postgres_password),
        redis_url(specification.ports.redis, secrets.redis_password),
    )
    listeners = public_listeners(environment)
    return StackPlan(
        specification=specification,
        secrets=secrets,
        backends=backends,
        routes=routes,
        environment=inherited(environment),
        aws_environment=aws_variables(environment) if any(route.has_aws_environment for route in routes) else {},
        admin_edge=admin_edge(environment),
        listeners=listeners,
        model_origins=model_origins(environment, listeners.url(specification.ports.admin)),
        fallbacks=fallbacks,
        front_proxies=front_proxies(environment),
    )


def _names(routes: Sequence[Route], *, mock: bool) -> tuple[str, ...]:
    """Returns the names of providers, each once. What follows an underscore in a target names the dialect."""
    return tuple(dict.fromkeys(route.name.partition("_")[0] for route in routes if route.is_mock is mock))


async def _seed(plan: StackPlan) -> dict[str, str]:
    environment = service_environment(
        "admin", plan.home, plan.secrets, plan.backends, plan.specification.catalog_file, plan.environment
    )
    inbox = {INBOX_URL: inbox_url(plan.ports), INBOX_SECRET: plan.secrets.inbox_secret}
    demo = await seed_demo(plan.home, {**environment, **inbox})
    return client_environment(plan.ports, plan.backends, demo, plan.listeners.url, plan.listeners.host)
