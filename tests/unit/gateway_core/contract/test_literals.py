"""Only the contract spells out the names on which Envoy and the services agree."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway_core.contract import access_log_line as call_line
from gateway_core.contract import headers, metadata, request_facts
from gateway_core.contract import path_dialects as dialects
from gateway_core.contract.metadata import DecisionKey
from tests.support.repository import ROOT

CONTRACT = ROOT / "gateway_core" / "contract"
PACKAGES = (
    "gateway_core",
    "authz_service",
    "ratelimit_service",
    "usage_service",
    "admin_service",
    "envoy",
    "benchmarks",
    "deploy/local",
)

DISTINCTIVE = frozenset(
    {
        headers.CLUSTER,
        headers.EDGE_SECRET,
        headers.IDENTITY,
        headers.CLIENT_ADDRESS,
        headers.INTERNAL_PREFIX,
        headers.SHOULD_RETRY,
        headers.RETRY_AFTER,
        headers.RATE_LIMIT_PREFIX,
        headers.DIALECT_VERSION,
        *headers.API_KEY_HEADERS,
        metadata.REQUEST_NAMESPACE,
        metadata.DECISION_NAMESPACE,
        metadata.RATE_LIMIT_NAMESPACE,
        metadata.REWRITER_NAMESPACE,
        metadata.SHADOW_REFUSED,
        dialects.ANTHROPIC_ROOT,
        dialects.GEMINI_ROOT,
        dialects.GEMINI_MODELS_ROOT,
    }
)
"""Names that have one meaning everywhere."""
ORDINARY = frozenset(
    {
        *DecisionKey,
        *request_facts.ALL,
        *request_facts.CONVERSATION,
        metadata.ANSWERED,
        metadata.USAGE,
        call_line.CALL_TAG,
        headers.REQUEST_ID,
    }
)
"""Words that have other meanings elsewhere, and must not be spelled out in code that talks to Envoy."""
SPEAKING_TO_ENVOY = (
    "authz_service/request/envoy_messages.py",
    "authz_service/request/parameters.py",
    "ratelimit_service/answers.py",
    "ratelimit_service/descriptors.py",
    "usage_service/call_reports.py",
    "envoy/megarouter_envoy/logs/access_logs.py",
    "envoy/megarouter_envoy/filters/service_filters.py",
    "envoy/megarouter_envoy/header_rules.py",
    "envoy/megarouter_envoy/replies/local_replies.py",
    "envoy/module/answers.zig",
    "envoy/module/arrival.zig",
    "envoy/module/rewriter_filter.zig",
)
ALLOWED = {
    # The domain defines the served paths and the format of a catalog file.
    ("gateway_core/model/endpoints.py", dialects.ANTHROPIC_ROOT),
    ("gateway_core/model/endpoints.py", dialects.GEMINI_ROOT),
    *(("gateway_core/model/catalog/providers/provider.py", name) for name in headers.API_KEY_HEADERS),
}

SOURCES = sorted(
    path
    for package in PACKAGES
    for suffix in ("py", "zig", "lua")
    for path in (ROOT / package).rglob(f"*.{suffix}")
    if CONTRACT not in path.parents and path.name != "contract.zig"
)


def texts_in_python(path: Path) -> Iterator[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documentation = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in documentation:
            if isinstance(node.value, str):
                yield node.value
            elif isinstance(node.value, bytes):
                yield node.value.decode("latin-1")


def texts_in_other_source(path: Path) -> Iterator[str]:
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.lstrip().startswith(("//", "--")):
            yield from (text for text in re.findall(r'"((?:[^"\\]|\\.)*)"', line))


def spelled_out(path: Path) -> set[str]:
    """Returns the contract's names that a source spells out: distinctive names in any string, ordinary ones as a whole string."""
    name = path.relative_to(ROOT).as_posix()
    texts = set(texts_in_python(path) if path.suffix == ".py" else texts_in_other_source(path))
    found = {known for known in DISTINCTIVE if any(_holds(text, known) for text in texts)}
    if name in SPEAKING_TO_ENVOY:
        found |= ORDINARY & texts
    return {known for known in found if (name, known) not in ALLOWED}


def _holds(text: str, known: str) -> bool:
    return re.search(rf"(?<![\w.-]){re.escape(known)}(?![\w.])", text) is not None


def test_known_sources_are_found() -> None:
    names = {path.relative_to(ROOT).as_posix() for path in SOURCES}
    assert set(SPEAKING_TO_ENVOY) <= names
    assert {"envoy/lua/admin_json.lua", "benchmarks/decision.py"} <= names


def test_no_source_spells_out_a_name_of_the_contract() -> None:
    assert not {path: found for path in SOURCES if (found := spelled_out(path))}


@pytest.mark.parametrize(
    ("suffix", "line", "found"),
    [
        ("py", 'HEADER = "x-megarouter-cluster"', {headers.CLUSTER}),
        ("py", 'if b"x-megarouter-identity" in raw: pass', {headers.IDENTITY}),
        ("py", 'say(f"{value} of megarouter.request")', {metadata.REQUEST_NAMESPACE}),
        ("zig", 'const namespace = "megarouter.rewriter";', {metadata.REWRITER_NAMESPACE}),
        ("lua", 'headers:get("x-should-retry")', {headers.SHOULD_RETRY}),
        ("py", '"""Explains x-megarouter-cluster."""', set()),
        ("zig", '// "megarouter.rewriter"', set()),
    ],
)
def test_a_name_is_found_in_code_and_not_in_prose(tmp_path: Path, suffix: str, line: str, found: set[str]) -> None:
    source = tmp_path / f"source.{suffix}"
    source.write_text(line + "\n", encoding="utf-8")
    texts = set(texts_in_python(source) if suffix == "py" else texts_in_other_source(source))
    assert {known for known in DISTINCTIVE if any(_holds(text, known) for text in texts)} - {
        headers.INTERNAL_PREFIX
    } == found
