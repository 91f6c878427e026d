"""Names of spans, attributes and metrics, all in one place.

GenAI names follow open-telemetry/semantic-conventions-genai, which is still in development. An upgrade changes only
this module.
"""

from typing import Final, NamedTuple

SCHEMA_URL: Final = "https://opentelemetry.io/schemas/1.44.0"

GEN_AI_OPERATION_NAME: Final = "gen_ai.operation.name"
GEN_AI_PROVIDER_NAME: Final = "gen_ai.provider.name"
GEN_AI_REQUEST_MODEL: Final = "gen_ai.request.model"
GEN_AI_REQUEST_STREAM: Final = "gen_ai.request.stream"
GEN_AI_RESPONSE_ID: Final = "gen_ai.response.id"
GEN_AI_RESPONSE_MODEL: Final = "gen_ai.response.model"
GEN_AI_TOKEN_TYPE: Final = "gen_ai.token.type"  # noqa: S105 - of a model, not a secret
GEN_AI_USAGE_INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
GEN_AI_USAGE_OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
GEN_AI_USAGE_REASONING_TOKENS: Final = "gen_ai.usage.reasoning.output_tokens"
GEN_AI_USAGE_CACHE_READ_TOKENS: Final = "gen_ai.usage.cache_read.input_tokens"
GEN_AI_USAGE_CACHE_CREATION_TOKENS: Final = "gen_ai.usage.cache_creation.input_tokens"

ERROR_TYPE: Final = "error.type"
OTHER_ERROR: Final = "_OTHER"
HTTP_STATUS: Final = "http.response.status_code"

RPC_SYSTEM_NAME: Final = "rpc.system.name"
RPC_METHOD: Final = "rpc.method"

DECISION: Final = "megarouter.authz.decision"
DECISION_REASON: Final = "megarouter.authz.reason"
SCOPE_KIND: Final = "megarouter.scope.kind"
HOLD_ID: Final = "megarouter.hold.id"
OUTCOME: Final = "megarouter.settlement.outcome"
CHARGE_NANO_CREDITS: Final = "megarouter.settlement.charge_nano_credits"
USAGE_SOURCE: Final = "megarouter.settlement.usage_source"
RATE_LIMIT_DECISION: Final = "megarouter.ratelimit.decision"

REPORT_ORIGIN: Final = "megarouter.settlement.origin"
DROP_REASON: Final = "megarouter.report.drop_reason"
FINDING_KIND: Final = "megarouter.usage.finding_kind"
ALERT_SOURCE: Final = "megarouter.alert.source"
DEPENDENCY: Final = "megarouter.dependency.name"
CHANNEL_KIND: Final = "megarouter.channel.kind"
DELIVERY_OUTCOME: Final = "megarouter.delivery.outcome"
REFUSAL_REASON: Final = "megarouter.provider.refusal_reason"
DEPLOYMENT: Final = "megarouter.deployment.name"
ATTEMPT_OUTCOME: Final = "megarouter.deployment.attempt_outcome"
TOKEN_OUTCOME: Final = "megarouter.provider.token_outcome"  # noqa: S105 - the name of a label


_PROVIDERS: Final = {"google": "gcp.gemini", "mistral": "mistral_ai", "xai": "x_ai"}
"""The conventions' names of providers that the catalog calls otherwise."""


def provider_name(provider: str) -> str:
    """Returns the conventions' name of a provider of the catalog."""
    return _PROVIDERS.get(provider, provider)


class Instrument(NamedTuple):
    """A metric. Its name has no unit, because OTLP carries the unit separately."""

    name: str
    unit: str
    description: str
    boundaries: tuple[float, ...] | None = None
    """Boundaries of a histogram's buckets, in its unit."""
    labels: tuple[str, ...] = ()
    """Names of its labels."""


AUTHZ_DECISIONS: Final = Instrument(
    "megarouter.authz.decisions", "{call}", "Decisions by outcome and reason.", labels=(DECISION, DECISION_REASON)
)
AUTHZ_DURATION: Final = Instrument(
    "megarouter.authz.duration",
    "s",
    "Time to decide a call; every sixteenth decision is measured.",
    (0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0),
)
AUTHZ_HOLDS_WAITING: Final = Instrument(
    "megarouter.authz.holds_waiting", "{hold}", "Placed holds that are not in the holds table yet."
)
AUTHZ_SHADOW_REFUSALS: Final = Instrument(
    "megarouter.authz.shadow_refusals",
    "{call}",
    "Admitted calls that guardrails in shadow mode would have refused.",
    labels=(SCOPE_KIND,),
)
AUTHZ_REMOVED_BETAS: Final = Instrument(
    "megarouter.authz.removed_betas",
    "{call}",
    "Admitted calls from which a flag of a feature in test was removed, because the catalog does not list it.",
    labels=(GEN_AI_PROVIDER_NAME,),
)
RATE_LIMIT_SHADOW_REFUSALS: Final = Instrument(
    "megarouter.ratelimit.shadow_refusals",
    "{call}",
    "Admitted calls that rate limits in shadow mode would have refused.",
)
RATE_LIMIT_DECISIONS: Final = Instrument(
    "megarouter.ratelimit.decisions",
    "{call}",
    "Decisions by outcome: OK, OVER_LIMIT or FAILED.",
    labels=(RATE_LIMIT_DECISION,),
)
SETTLEMENTS: Final = Instrument(
    "megarouter.settlement.calls",
    "{call}",
    "Recorded calls, by what delivered them (stream, journal or sweep), outcome and source of the usage.",
    labels=(REPORT_ORIGIN, OUTCOME, USAGE_SOURCE),
)
SETTLED_TOKENS: Final = Instrument(
    "megarouter.settlement.tokens",
    "{token}",
    "Recorded tokens, by model and type (input or output). The tokens of expired holds are unknown.",
    labels=(GEN_AI_REQUEST_MODEL, GEN_AI_TOKEN_TYPE),
)
SETTLED_CHARGE: Final = Instrument(
    "megarouter.settlement.charge",
    "{credit}",
    "Charged credits. A late correction that lowers a charge is not subtracted.",
    labels=(GEN_AI_REQUEST_MODEL,),
)
UNCONFIRMED_CHARGE: Final = Instrument(
    "megarouter.settlement.unconfirmed_charge", "{credit}", "Credits charged for holds that expired without a report."
)
HOLDS_OPEN: Final = Instrument("megarouter.holds.open", "{hold}", "Open holds in the holds table.")
HOLDS_OLDEST_AGE: Final = Instrument("megarouter.holds.oldest_age", "s", "Age of the oldest open hold.")
SETTLEMENT_LAG: Final = Instrument(
    "megarouter.settlement.lag",
    "s",
    "Time from the arrival of a report to the commit of its settlement; the longest of each batch.",
    (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0),
    labels=(REPORT_ORIGIN,),
)
SETTLEMENT_QUEUE: Final = Instrument("megarouter.settlement.queue", "{report}", "Reports waiting for a batch.")
REPORTS_DROPPED: Final = Instrument(
    "megarouter.report.dropped",
    "{report}",
    "Reports that were not settled. Investigate every forged and unsettleable one.",
    labels=(DROP_REASON,),
)
REPORTS_REPEATED: Final = Instrument(
    "megarouter.report.repeated", "{report}", "Reports of calls that are already recorded."
)
DISCREPANCIES: Final = Instrument(
    "megarouter.report.discrepancies", "{report}", "Reports that contradict a settled call."
)
USAGE_FINDINGS: Final = Instrument(
    "megarouter.usage.findings",
    "{call}",
    "Calls whose usage report is not right, by kind of finding and provider. A call of several kinds counts for each.",
    labels=(FINDING_KIND, GEN_AI_PROVIDER_NAME),
)
REFUSED_CALLS: Final = Instrument(
    "megarouter.calls.refused",
    "{call}",
    "Calls that the gateway refused, by the code of the error, also those without a known key.",
    labels=(DECISION_REASON,),
)
PROVIDER_REFUSALS: Final = Instrument(
    "megarouter.provider.refusals",
    "{call}",
    "Answers of providers that no caller received. Act on every credential, permission and billing one.",
    labels=(GEN_AI_PROVIDER_NAME, REFUSAL_REASON),
)
DEPLOYMENT_LEFT: Final = Instrument(
    "megarouter.deployment.left",
    "{deployment}",
    "Whether calls avoid a deployment, because its breaker is open: 1 or 0. Of models with several deployments, and of those that"
    " served a virtual model.",
    labels=(DEPLOYMENT,),
)
DEPLOYMENT_OPENINGS: Final = Instrument(
    "megarouter.deployment.openings",
    "{opening}",
    "How often the breaker of a deployment has opened, as each process saw it: after failures, 429, or a refusal.",
    labels=(DEPLOYMENT,),
)
FAILED_ATTEMPTS: Final = Instrument(
    "megarouter.deployment.failed_attempts",
    "{attempt}",
    "Attempts that failed, after which another deployment was tried within the call, by what happened: a status, `broken`, or why"
    " the account was refused, such as `billing`.",
    labels=(DEPLOYMENT, ATTEMPT_OUTCOME),
)
TOKEN_LIFE: Final = Instrument(
    "megarouter.provider.token_life",
    "s",
    "How long the access token of a provider is still valid; 0 without one. A new one is fetched five minutes before its end.",
    labels=(GEN_AI_PROVIDER_NAME,),
)
TOKEN_REQUESTS: Final = Instrument(
    "megarouter.provider.token_requests",
    "{request}",
    "Requests for an access token, by outcome: `ok`, `credential`, `refused`, `unreachable` or `unwritable`.",
    labels=(GEN_AI_PROVIDER_NAME, TOKEN_OUTCOME),
)
JOURNAL_LAG: Final = Instrument(
    "megarouter.journal.lag",
    "By",
    "Journal bytes that are not settled yet. A second of traffic is normal. Only the process that reads the journal has it.",
)
JOURNAL_AGE: Final = Instrument("megarouter.journal.age", "s", "Age of the oldest unsettled line in the journal.")
JOURNAL_DISK_FREE: Final = Instrument(
    "megarouter.journal.disk_free", "By", "Free bytes on the disk of the journal. A call takes about 2 KB."
)
JOURNAL_RESCUED: Final = Instrument(
    "megarouter.journal.rescued", "{call}", "Calls settled from the journal that the stream did not deliver."
)
REDIS_LAG: Final = Instrument(
    "megarouter.redis.lag", "{event}", "Committed ledger events that Redis lacked at the last comparison."
)
ROLLUP_LAG: Final = Instrument(
    "megarouter.rollups.lag",
    "{event}",
    "Committed ledger events that the rollups lacked at the last round. Answers read them from the records.",
)
ROLLUP_AGE: Final = Instrument(
    "megarouter.rollups.age", "s", "How long ago the rollups were last found in step with every ledger."
)
ALERT_SOURCE_FAILURES: Final = Instrument(
    "megarouter.alerts.source_failures",
    "{failure}",
    "Failures of a source of alerts. It is asked again until it succeeds, while the others go on.",
    labels=(ALERT_SOURCE,),
)
OUTBOX_WAITING: Final = Instrument(
    "megarouter.outbox.waiting", "{message}", "E-mail that waits for delivery. Without a mail server all of it waits."
)
OUTBOX_OLDEST_AGE: Final = Instrument(
    "megarouter.outbox.oldest_age", "s", "How long the oldest message has waited; 0 when none waits."
)
DELIVERIES_WAITING: Final = Instrument(
    "megarouter.deliveries.waiting", "{delivery}", "Alerts that wait to be sent to a channel."
)
DELIVERIES_OLDEST_AGE: Final = Instrument(
    "megarouter.deliveries.oldest_age", "s", "How long the oldest of them has waited; 0 when none waits."
)
DELIVERY_ATTEMPTS: Final = Instrument(
    "megarouter.deliveries.attempts",
    "{attempt}",
    "Attempts to send an alert, by kind of channel and outcome: DELIVERED, RETRY or REFUSED.",
    labels=(CHANNEL_KIND, DELIVERY_OUTCOME),
)
DELIVERY_DURATION: Final = Instrument(
    "megarouter.deliveries.duration",
    "s",
    "How long an attempt took, by kind of channel.",
    (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0),
    labels=(CHANNEL_KIND,),
)
DEPENDENCY_UP: Final = Instrument(
    "megarouter.dependency.up",
    "{dependency}",
    "Whether `postgres` or `redis` answered the last probe (every 5 s): 1 or 0.",
    labels=(DEPENDENCY,),
)
DEPENDENCY_LATENCY: Final = Instrument(
    "megarouter.dependency.latency",
    "s",
    "How long a dependency took to answer the last probe that it answered.",
    labels=(DEPENDENCY,),
)
CLOCK_OFFSET: Final = Instrument(
    "megarouter.dependency.clock_offset",
    "s",
    "How far the clock of `postgres` or `redis` is ahead of the service's; negative if behind. Exact to half of the latency.",
    labels=(DEPENDENCY,),
)
