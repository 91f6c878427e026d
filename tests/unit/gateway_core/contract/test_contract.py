"""The contract with Envoy: one rule for the dialect of a path, and one format of a line for both of Envoy's logs."""

import json
import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_core.contract import access_log_line as call_line
from gateway_core.contract import headers, request_facts
from gateway_core.contract.access_log_line import CallLine, split_line
from gateway_core.contract.errors import CallError, error_body
from gateway_core.contract.module_errors import MODULE_ERRORS
from gateway_core.contract.path_dialects import PATH_PATTERNS, dialect_of_path
from gateway_core.model.endpoints import Dialect
from gateway_core.model.quotas import Quota, QuotaUnit
from tests.support.envoy_module import error_body as module_error_body

PIECES = [
    "/v1",
    "/anthropic",
    "/openai",
    "/messages",
    "beta",
    "/models/",
    "a",
    ":",
    "?",
    "/",
    "x=1",
    "/chat/completions",
    "generateContent",
]
paths = st.lists(st.sampled_from(PIECES), max_size=8).map("".join)


def dialect_by_pattern(path: str) -> Dialect:
    """Returns the dialect by Envoy's rule: the first pattern that matches the whole path."""
    matching = (dialect for dialect, pattern in PATH_PATTERNS.items() if re.fullmatch(pattern, path))
    return next(matching, Dialect.OPENAI)


@given(paths)
def test_python_envoy_and_the_module_agree_on_the_dialect_of_a_path(path: str) -> None:
    dialect = dialect_of_path(path)
    assert dialect_by_pattern(path) is dialect
    for error in MODULE_ERRORS:
        assert module_error_body(path.encode(), error.code) == json.loads(error_body(error, dialect))


@pytest.mark.parametrize(
    ("path", "dialect"),
    [
        ("/v1/messagesx", Dialect.OPENAI),
        ("/v1betax", Dialect.OPENAI),
        ("/v1beta", Dialect.GEMINI),
        ("/v1/messages?beta=true", Dialect.ANTHROPIC),
        ("/v1/models/a?b:c", Dialect.OPENAI),
    ],
)
def test_a_path_prefix_is_a_whole_segment_and_the_query_is_ignored(path: str, dialect: Dialect) -> None:
    assert dialect_of_path(path) is dialect


def test_the_line_has_a_format_for_each_value_and_splits_into_the_values() -> None:
    formats = split_line(call_line.FORMAT)
    assert formats is not None
    assert all(re.fullmatch(r"%[A-Z_]+(\([\w.:]+\))?%", text) for text in formats)
    assert formats.token == "%DYNAMIC_METADATA(envoy.filters.http.ext_authz:hold)%"
    assert split_line("too few") is None
    assert split_line("\t" * len(CallLine._fields)) is None


@pytest.mark.parametrize("dialect", Dialect)
def test_every_possible_status_has_an_error_type_in_every_dialect(dialect: Dialect) -> None:
    for status in (400, 401, 402, 403, 404, 408, 413, 429, 431, 500, 502, 503, 504):
        error = json.loads(error_body(CallError(status, "code", "Message."), dialect))["error"]
        assert error["message"] == "Message."
        assert error.get("type") or error["status"]


def test_a_quota_without_a_known_reset_has_no_reset_header() -> None:
    assert headers.quota_headers(Quota(QuotaUnit.CONCURRENT_REQUESTS, 5, 0)) == {
        "x-ratelimit-limit-concurrent-requests": "5",
        "x-ratelimit-remaining-concurrent-requests": "0",
    }
    assert headers.quota_headers(Quota(QuotaUnit.TOKENS, 9, 1, 90_000_000))["x-ratelimit-reset-tokens"] == "1m30s"


def test_the_contract_imports_no_envoy_messages_no_database_and_no_service() -> None:
    """Envoy's module is built from the contract, possibly without the rest of the project installed."""
    script = (
        "import pkgutil, sys, gateway_core.contract as contract\n"
        "for module in pkgutil.iter_modules(contract.__path__): __import__(f'gateway_core.contract.{module.name}')\n"
        "print(*sys.modules)"
    )
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert not {"envoy", "envoy_data_plane", "asyncpg", "redis", "grpc", "authz_service"} & set(loaded)


def test_every_fact_of_a_request_is_listed() -> None:
    constants = [value for name, value in vars(request_facts).items() if name.isupper()]
    named = {*(value for value in constants if isinstance(value, str)), *request_facts.SCORES}
    assert named == {*request_facts.ALL, *request_facts.CONVERSATION}
