"""Writes the page with every error: of model calls from the gateway and Envoy, and of the admin API from its proto."""

from collections.abc import Iterator
from typing import Final

from megarouter_envoy.replies.local_replies import CAUSES

from gateway_core.contract.module_errors import MODULE_ERRORS, PROVIDER_ERRORS
from gateway_core.model.calls.refusals import Refusal, RefusalReason
from tools.pages.docstrings import attribute_docstrings
from tools.protos.api import Api

_INTRODUCTION: Final = """# Errors

Generated from the code by `./dev protos --pages`; do not edit.

## Model calls

An error has the shape of the API that was called, so SDKs raise their usual exceptions. The reason is `error.code` in the OpenAI
and Anthropic shapes, and `error.details[0].reason` in capitals in the Gemini shape. Errors of the provider about
your request pass with the provider's text. Where a retry cannot help within a minute, the answer carries `x-should-retry: false`.

### Refused by the gateway

No provider was called, and nothing is charged.

| status | reason | what to do |
|---|---|---|"""
_FROM_ENVOY: Final = """
### Answered by the proxy

The proxy gives these answers when a call cannot be read, checked or completed.

| status | reason | message |
|---|---|---|"""
_IN_PLACE_OF_ANSWERS: Final = """
### In place of the provider's answer

The provider answered, but with an error about the gateway's own account, a redirect, or something that is no answer. Nothing is
charged.

| status | reason | message |
|---|---|---|"""
_OF_THE_API: Final = """
## Admin API

An error is a `google.rpc.Status` with one `google.rpc.ErrorInfo`; `ErrorInfo.reason` is one of these values.
[The admin API](../guides/admin-api.md#errors) says what each status code asks of the caller.

| reason | meaning |
|---|---|"""


def errors_page(api: Api) -> str:
    """Returns the text of the page. Errors of model calls are in the order of their status."""
    of_calls = [_INTRODUCTION, *_refusals(), _FROM_ENVOY, *_local_replies(), _IN_PLACE_OF_ANSWERS, *_refused_answers()]
    return "\n".join([*of_calls, _OF_THE_API, *_reasons(api)]) + "\n"


def _refusals() -> Iterator[str]:
    remedies = attribute_docstrings(RefusalReason)
    for reason in sorted(RefusalReason, key=lambda each: Refusal(each, "").status):
        yield f"| {Refusal(reason, '').status} | `{reason}` | {remedies[reason.name]} |"


def _local_replies() -> Iterator[str]:
    own = [error for error in MODULE_ERRORS if error not in PROVIDER_ERRORS and error.code not in set(RefusalReason)]
    errors = [*(cause.error for cause in CAUSES), *own]
    rows = {(error.status, error.code): error.message for error in errors}
    for (status, code), message in sorted(rows.items()):
        yield f"| {status} | `{code}` | {message} |"


def _refused_answers() -> Iterator[str]:
    for error in PROVIDER_ERRORS:
        yield f"| {error.status} | `{error.code}` | {error.message} |"


def _reasons(api: Api) -> Iterator[str]:
    file = next(file for file in api.files if file.name.endswith("type/v1/error_reason.proto"))
    ((name, enum),) = file.enums
    for value in enum.value[1:]:
        comment = " ".join(file.comment(f"{name}.{value.name}").split()).replace("|", "\\|")
        yield f"| `{value.name}` | {comment} |"
