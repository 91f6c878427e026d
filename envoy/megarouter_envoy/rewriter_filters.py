"""The rewriter, and the guard that makes it impossible to pass by."""

from pathlib import Path

from envoy_data_plane.envoy.config.core import v3 as core
from envoy_data_plane.envoy.config.rbac import v3 as rbac
from envoy_data_plane.envoy.extensions.filters.http.lua import v3 as lua
from envoy_data_plane.envoy.extensions.filters.http.rbac import v3 as rbac_filter
from envoy_data_plane.envoy.type.matcher import v3 as matcher

from megarouter_envoy.names import REWRITER_NAMESPACE


def rewriter(path: Path) -> lua.Lua:
    """The Lua filter. The route is settled by then: a new path must not make Envoy choose again."""
    return lua.Lua(
        default_source_code=core.DataSource(filename=str(path)), stat_prefix="rewriter", clear_route_cache=False
    )


def guard() -> rbac_filter.Rbac:
    """Refuses every call without the mark that the rewriter leaves; Envoy passes on a call whose script failed."""
    marked = matcher.MetadataMatcher(
        filter=REWRITER_NAMESPACE,
        path=[matcher.MetadataMatcherPathSegment(key="dialect")],
        value=matcher.ValueMatcher(present_match=True),
    )
    policy = rbac.Policy(
        permissions=[rbac.Permission(sourced_metadata=rbac.SourcedMetadata(metadata_matcher=marked))],
        principals=[rbac.Principal(any=True)],
    )
    return rbac_filter.Rbac(rules=rbac.Rbac(action=rbac.RbacAction.ALLOW, policies={"rewriter": policy}))
