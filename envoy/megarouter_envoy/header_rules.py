"""Headers that may not cross the gateway: client headers that would steer it, and provider headers about its account."""

from envoy_data_plane.envoy.config.common.mutation_rules import v3 as mutation_rules
from envoy_data_plane.envoy.config.core import v3 as core
from envoy_data_plane.envoy.extensions.filters.http.header_mutation import v3 as header_mutation
from envoy_data_plane.envoy.extensions.http.early_header_mutation.header_mutation import v3 as early
from envoy_data_plane.envoy.type.matcher import v3 as matcher

from gateway_core.contract import headers
from megarouter_envoy.typed_config import extension, set_header

Mutation = mutation_rules.HeaderMutation

# Envoy obeys `x-envoy-*` of a client with an internal address, retries and timeouts among them; it would keep its
# `x-request-id` too. Without `accept-encoding` a provider answers uncompressed, so its usage can be read.
CLIENT_PREFIXES_REMOVED = (headers.INTERNAL_PREFIX, "x-envoy-")
CLIENT_HEADERS_REMOVED = ("accept-encoding", headers.REQUEST_ID)

# They describe the company's account at the provider, not the caller's; the gateway has limits of its own.
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
    """Runs before anything else looks at a request."""
    mutations = [_remove_prefix(prefix) for prefix in CLIENT_PREFIXES_REMOVED]
    mutations.extend(Mutation(remove=name) for name in CLIENT_HEADERS_REMOVED)
    return extension("envoy.http.early_header_mutation.header_mutation", early.HeaderMutation(mutations=mutations))


def clean_provider_answer() -> header_mutation.HeaderMutation:
    """Runs first on the way back, and only on what a provider answered.

    The mark tells the rewriter a provider's answer from one of Envoy's own; the rewriter takes it off again.
    """
    mutations = [_remove_prefix(prefix) for prefix in PROVIDER_PREFIXES_REMOVED]
    mutations.extend(Mutation(remove=name) for name in PROVIDER_HEADERS_REMOVED)
    mutations.append(Mutation(append=set_header(headers.PROVIDER_MARK, "true")))
    return header_mutation.HeaderMutation(mutations=header_mutation.Mutations(response_mutations=mutations))


def _remove_prefix(prefix: str) -> Mutation:
    key_matcher = matcher.StringMatcher(prefix=prefix, ignore_case=True)
    return Mutation(remove_on_match=mutation_rules.HeaderMutationRemoveOnMatch(key_matcher=key_matcher))
