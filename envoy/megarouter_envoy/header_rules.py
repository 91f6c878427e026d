"""Request headers that may not cross the gateway. `contract.headers` has those of responses, which the module removes."""

from collections.abc import Iterable

from envoy_data_plane.envoy.config.common.mutation_rules import v3 as mutation_rules
from envoy_data_plane.envoy.config.core import v3 as core
from envoy_data_plane.envoy.extensions.filters.http.header_mutation import v3 as header_mutation
from envoy_data_plane.envoy.extensions.http.early_header_mutation.header_mutation import v3 as early
from envoy_data_plane.envoy.type.matcher import v3 as matcher

from gateway_core.contract import headers
from megarouter_envoy.typed_config import extension

Mutation = mutation_rules.HeaderMutation

# Envoy obeys the `x-envoy-*` headers (such as retries and timeouts) of clients with internal addresses, and would keep
# their `x-request-id`. Without `accept-encoding`, a provider sends an uncompressed response, so its usage can be read.
CLIENT_PREFIXES_REMOVED = (headers.INTERNAL_PREFIX, "x-envoy-")
CLIENT_HEADERS_REMOVED = ("accept-encoding", headers.REQUEST_ID)


def remove_from_client() -> core.TypedExtensionConfig:
    """Removes headers before anything else reads the request."""
    mutations = [_remove_prefix(prefix) for prefix in CLIENT_PREFIXES_REMOVED]
    mutations.extend(Mutation(remove=name) for name in CLIENT_HEADERS_REMOVED)
    return extension("envoy.http.early_header_mutation.header_mutation", early.HeaderMutation(mutations=mutations))


def keep_from_provider(names: Iterable[str], prefix: str) -> header_mutation.HeaderMutation:
    """Returns the filter that removes request headers by name, and those that begin with the prefix, unless it is empty."""
    removed = [Mutation(remove=name) for name in names]
    if prefix:
        removed.append(_remove_prefix(prefix))
    return header_mutation.HeaderMutation(mutations=header_mutation.Mutations(request_mutations=removed))


def _remove_prefix(prefix: str) -> Mutation:
    key_matcher = matcher.StringMatcher(prefix=prefix, ignore_case=True)
    return Mutation(remove_on_match=mutation_rules.HeaderMutationRemoveOnMatch(key_matcher=key_matcher))
