"""What Envoy's module reports about a provider's response."""

import enum


class UsageFact(enum.StrEnum):
    """The keys of a report: the paths of the values in the response."""

    USAGE = "usage"
    START_USAGE = "start_usage"
    RESPONSE_USAGE = "response_usage"
    USAGE_METADATA = "usage_metadata"
    MODEL = "model"
    SERVICE_TIER = "service_tier"
    RESPONSE_ID = "response_id"
    ERROR = "error"
    ERROR_TYPE = "error.type"
    ERROR_CODE = "error.code"
    ERROR_STATUS = "error.status"
    ERROR_PRESENT = "error.present"
    RESPONSE_ERROR = "response_error"
    RESPONSE_ERROR_TYPE = "response_error.type"
    RESPONSE_ERROR_CODE = "response_error.code"
    RESPONSE_ERROR_STATUS = "response_error.status"
    RESPONSE_ERROR_PRESENT = "response_error.present"
