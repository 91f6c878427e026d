"""Which values of request and response bodies become dynamic metadata. A body itself never leaves Envoy."""

from collections.abc import Iterable

from envoy_data_plane.envoy.extensions.content_parsers.json import v3 as json_parser
from envoy_data_plane.envoy.extensions.filters.http.json_to_metadata import v3 as json_metadata
from envoy_data_plane.envoy.extensions.filters.http.sse_to_metadata import v3 as sse_metadata
from envoy_data_plane.envoy.type.matcher import v3 as matcher
from envoy_data_plane.google.protobuf import Value

from megarouter_envoy.names import REQUEST_NAMESPACE, USAGE_NAMESPACE
from megarouter_envoy.typed_config import extension

Rule = json_metadata.JsonToMetadataRule
Path = tuple[str, ...]

# The filter's own default matches `application/json` exactly, so a charset parameter would switch it off.
JSON_CONTENT_TYPE = r"(?i)application/json[ \t]*(;.*)?"

TOP_LEVEL_REQUEST_KEYS = (
    "stream",
    "background",
    "max_tokens",
    "max_completion_tokens",
    "max_output_tokens",
    "n",
    "best_of",
    "candidate_count",
    "service_tier",
)

GENERATION_CONFIG_KEYS = ("generationConfig", "generation_config")

# Metadata key -> where a provider puts it. Of several places present at once, the later one wins. The rewriter has the
# same table for responses that are not streams, because `json_to_metadata` cannot copy an object.
USAGE_PATHS: dict[str, tuple[Path, ...]] = {
    "usage": (("usage",),),
    "start_usage": (("message", "usage"),),
    "response_usage": (("response", "usage"),),
    "usage_metadata": (("usageMetadata",),),
    "error": (("error",),),
    "response_error": (("response", "error"),),
    "model": (("model",), ("response", "model"), ("message", "model"), ("modelVersion",)),
    "service_tier": (("service_tier",), ("response", "service_tier")),
    "response_id": (("id",), ("response", "id"), ("message", "id"), ("responseId",)),
}


def _selectors(path: Path) -> list[json_metadata.JsonToMetadataSelector]:
    return [json_metadata.JsonToMetadataSelector(key=key) for key in path]


def _target(namespace: str, key: str, value: str | None = None) -> json_metadata.JsonToMetadataKeyValuePair:
    constant = None if value is None else Value(string_value=value)
    return json_metadata.JsonToMetadataKeyValuePair(metadata_namespace=namespace, key=key, value=constant)


def _copy(namespace: str, key: str, path: Path) -> Rule:
    return Rule(selectors=_selectors(path), on_present=_target(namespace, key))


def _model_rule() -> Rule:
    """The one rule that also reports a body without a model and a body that cannot be read."""
    return Rule(
        selectors=_selectors(("model",)),
        on_present=_target(REQUEST_NAMESPACE, "model"),
        on_missing=_target(REQUEST_NAMESPACE, "model_missing", "true"),
        on_error=_target(REQUEST_NAMESPACE, "unreadable", "true"),
    )


def _generation_rules() -> Iterable[Rule]:
    """Gemini accepts each name in camel case and in snake case, in any mixture."""
    for parent in GENERATION_CONFIG_KEYS:
        for name in ("candidateCount", "candidate_count"):
            yield _copy(REQUEST_NAMESPACE, "candidate_count", (parent, name))
        for name in ("maxOutputTokens", "max_output_tokens"):
            yield _copy(REQUEST_NAMESPACE, "generation_max_output_tokens", (parent, name))


def request_rules() -> json_metadata.JsonToMetadata:
    """What authz_service decides by, in namespace `megarouter.request`."""
    rules = [
        _model_rule(),
        *(_copy(REQUEST_NAMESPACE, key, (key,)) for key in TOP_LEVEL_REQUEST_KEYS),
        _copy(REQUEST_NAMESPACE, "include_usage", ("stream_options", "include_usage")),
        *_generation_rules(),
    ]
    match_rules = json_metadata.JsonToMetadataMatchRules(
        rules=rules, allow_content_types_regex=matcher.RegexMatcher(regex=JSON_CONTENT_TYPE)
    )
    return json_metadata.JsonToMetadata(request_rules=match_rules)


def event_rules(max_event_bytes: int) -> sse_metadata.SseToMetadata:
    """Usage of a stream of events, written while the stream runs, so a client that hangs up loses none of it."""
    rules = [_copy(USAGE_NAMESPACE, key, path) for key, paths in USAGE_PATHS.items() for path in paths]
    parser = json_parser.JsonContentParser(rules=[json_parser.JsonContentParserRuleConfig(rule=rule) for rule in rules])
    return sse_metadata.SseToMetadata(
        response_rules=sse_metadata.SseToMetadataProcessingRules(
            content_parser=extension("envoy.content_parsers.json", parser), max_event_size=max_event_bytes
        )
    )
