"""Names of spans, attributes and metrics, in one place.

GenAI names follow open-telemetry/semantic-conventions-genai, still in development: an upgrade changes this module only.
"""

from typing import Final

SCHEMA_URL: Final = "https://opentelemetry.io/schemas/1.37.0"

GEN_AI_OPERATION_NAME: Final = "gen_ai.operation.name"
GEN_AI_PROVIDER_NAME: Final = "gen_ai.provider.name"
GEN_AI_REQUEST_MODEL: Final = "gen_ai.request.model"
GEN_AI_RESPONSE_MODEL: Final = "gen_ai.response.model"
GEN_AI_USAGE_INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
GEN_AI_USAGE_OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"

RPC_SYSTEM_NAME: Final = "rpc.system.name"
RPC_METHOD: Final = "rpc.method"

DECISION: Final = "megarouter.authz.decision"
DECISION_REASON: Final = "megarouter.authz.reason"
HOLD_ID: Final = "megarouter.hold.id"
OUTCOME: Final = "megarouter.settlement.outcome"
CHARGE_NANO_CREDITS: Final = "megarouter.settlement.charge_nano_credits"
USAGE_SOURCE: Final = "megarouter.settlement.usage_source"
RATE_LIMIT_DECISION: Final = "megarouter.ratelimit.decision"
