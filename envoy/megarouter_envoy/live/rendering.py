"""Makes resources of what the database says, and writes the credentials that they name."""

import dataclasses
from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from gateway_core.model.deployments.listener_limits import ListenerLimits
from megarouter_envoy.clusters.secret_sources import write_secret_sources
from megarouter_envoy.gateway.configuration import target_of
from megarouter_envoy.gateway.live_folder import LiveFolder
from megarouter_envoy.gateway.live_resources import Resource, resources
from megarouter_envoy.gateway.secret_files import write_credentials
from megarouter_envoy.options import BootstrapOptions
from megarouter_envoy.settings.catalog_summary import ProviderEntry
from megarouter_envoy.settings.providers import ProviderError, Route, plan_routes


class LiveProvider(BaseModel):
    """A place that receives calls, with the credential that the API gave it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    target: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,127}$")]
    url: str
    header: str
    authentication: dict[str, str] | None = None
    secret: Annotated[str, Field(min_length=1, max_length=16_384, repr=False)]


class Wanted(BaseModel):
    """What the database says."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    providers: tuple[LiveProvider, ...] = ()
    fallbacks: tuple[tuple[str, ...], ...] = ()
    limits: ListenerLimits = ListenerLimits()


class Rendered(NamedTuple):
    """What came of it."""

    resources: list[Resource]
    refusals: dict[str, str]
    """Why a target cannot be reached as it is described, by its name. It has no resources."""


def render(options: BootstrapOptions, wanted: Wanted, folder: LiveFolder) -> Rendered:
    """Returns the resources, after it has written the credentials that they name.

    What the database says of a target takes the place of what the options say.
    """
    routes, refusals = _routes(wanted)
    live = {route.name: target_of(folder.secrets, route) for route in routes}
    replaced = live.keys() | refusals.keys()
    targets = (*(one for one in options.providers if one.name not in replaced), *live.values())
    known = {target.name for target in targets}
    fallbacks = tuple(order for order in wanted.fallbacks if known.issuperset(order))
    limits = dataclasses.replace(options.limits, listeners=wanted.limits)
    changed = dataclasses.replace(options, providers=targets, fallbacks=fallbacks, limits=limits)
    made = resources(changed)
    write_credentials(folder.secrets, routes)
    write_secret_sources(changed)
    return Rendered(made, refusals)


def _routes(wanted: Wanted) -> tuple[list[Route], dict[str, str]]:
    """Returns the routes, and why targets have none."""
    routes: list[Route] = []
    refusals: dict[str, str] = {}
    for one in wanted.providers:
        entry = ProviderEntry(one.target, one.url, "the credential", one.header, one.authentication)
        try:
            [route] = plan_routes([entry], {entry.credential_env: one.secret}, None)
        except (ProviderError, ValueError) as error:  # such as a port that is no number
            refusals[one.target] = str(error)
        else:
            if route.wants_token:
                refusals[one.target] = "tokens are fetched only for providers of the catalog file"
            else:
                routes.append(route)
    return routes, refusals
