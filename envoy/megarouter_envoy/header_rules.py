"""Headers that may not cross the gateway: client headers that would steer it, and provider headers about its account."""

from envoy_data_plane.envoy.config.common.mutation_rules import v3 as mutation_rules
from envoy_data_plane.envoy.config.core import v3 as core
from envoy_data_plane.envoy.extensions.filters.http.header_mutation import v3 as header_mutation
from envoy_data_plane.envoy.extensions.http.early_header_mutation.header_mutation import v3 as early
from envoy_data_plane.envoy.type.matcher import v3 as matcher

from gateway_core.contract import headers
from megarouter_envoy.typed_config import extension, set_header

Mutation = mutation_rules.HeaderMutation

# Envoy obeys the `x-envoy-*` headers (such as retries and timeouts) of clients with internal addresses, and would keep
# their `x-request-id`. Without `accept-encoding`, a provider sends an uncompressed response, so its usage can be read.
CLIENT_PREFIXES_REMOVED = (headers.INTERNAL_PREFIX, "x-envoy-")
CLIENT_HEADERS_REMOVED = ("accept-encoding", headers.REQUEST_ID)

# They describe the company's account at the provider, not the caller's. The gateway has its own limits.
PROVIDER_PREFIXES_REMOVED = (headers.RATE_LIMIT_PREFIX, "anthropic-ratelimit-", headers.INTERNAL_PREFIX, "x-envoy-")
PROVIDER_HEADERS_REMOVED = (
    "alt-svc",
    "anthropic-organization-id",
    "openai-organization",
    "openai-project",
    "set-cookie",
    "strict-transport-security",
)


def remove_from_client() -> core.TypedExtensionConfig:
    """Removes headers before anything else reads the request."""
    mutations = [_remove_prefix(prefix) for prefix in CLIENT_PREFIXES_REMOVED]
    mutations.extend(Mutation(remove=name) for name in CLIENT_HEADERS_REMOVED)
    return extension("envoy.http.early_header_mutation.header_mutation", early.HeaderMutation(mutations=mutations))


def clean_provider_call(removed_prefix: str) -> header_mutation.HeaderMutation:
    """Returns the filter that removes the trace context, which Envoy adds last, and cleans providers' responses.

    It also removes request headers that begin with `removed_prefix`, unless that is empty.

    It runs last on the way to the provider and first on the way back.

    It also marks a provider's response, so that the rewriter can distinguish it from Envoy's own. The rewriter removes
    the mark.
    """
    mutations = [_remove_prefix(prefix) for prefix in PROVIDER_PREFIXES_REMOVED]
    mutations.extend(Mutation(remove=name) for name in PROVIDER_HEADERS_REMOVED)
    mutations.append(Mutation(append=set_header(headers.PROVIDER_MARK, "true")))
    removed = [Mutation(remove=name) for name in headers.TRACE_CONTEXT]
    if removed_prefix:
        removed.append(_remove_prefix(removed_prefix))
    return header_mutation.HeaderMutation(
        mutations=header_mutation.Mutations(request_mutations=removed, response_mutations=mutations)
    )


def _remove_prefix(prefix: str) -> Mutation:
    key_matcher = matcher.StringMatcher(prefix=prefix, ignore_case=True)
    return Mutation(remove_on_match=mutation_rules.HeaderMutationRemoveOnMatch(key_matcher=key_matcher))
