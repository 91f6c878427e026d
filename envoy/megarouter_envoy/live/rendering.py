"""Makes resources of what the database says, and writes the credentials that they name."""

import dataclasses
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

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


def render(options: BootstrapOptions, wanted: Wanted, folder: LiveFolder) -> list[Resource]:
    """Returns the resources, after it has written the credentials that they name.

    What the database says of a target takes the place of what the options say.

    Raises:
        ProviderError: a provider cannot be reached as it is described.
    """
    routes = _routes(wanted)
    live = {route.name: target_of(folder.secrets, route) for route in routes}
    others = (target for target in options.providers if target.name not in live)
    targets = (*others, *live.values())
    known = {target.name for target in targets}
    fallbacks = tuple(order for order in wanted.fallbacks if known.issuperset(order))
    changed = dataclasses.replace(options, providers=targets, fallbacks=fallbacks)
    made = resources(changed)
    write_credentials(folder.secrets, routes)
    write_secret_sources(changed)
    return made


def _routes(wanted: Wanted) -> tuple[Route, ...]:
    entries = [
        ProviderEntry(one.target, one.url, one.target, one.header, one.authentication) for one in wanted.providers
    ]
    routes = plan_routes(entries, {one.target: one.secret for one in wanted.providers}, None)
    for route in routes:
        if route.wants_token:
            raise ProviderError(f"provider {route.name}: tokens are fetched only for providers of the catalog file")
    return routes
