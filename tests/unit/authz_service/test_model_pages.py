"""Pages of the list of models, as the providers have them."""

import json
from typing import Any

import pytest

from authz_service.model_list import list_models
from authz_service.model_pages import WHOLE_LIST, Page, read_page
from gateway_core.model.calls.refusals import Refusal
from gateway_core.model.endpoints import Dialect, ModelList
from tests.support.data.examples import NOW_EPOCH_US, PRICES, principal


def listed(dialect: Dialect, query: str) -> Any:
    page = read_page(dialect, query)
    assert isinstance(page, Page)
    body = list_models(ModelList(dialect, None), principal(), PRICES, NOW_EPOCH_US / 10**6, page)
    assert isinstance(body, str)
    return json.loads(body)


@pytest.mark.parametrize(
    ("query", "names", "has_more"),
    [
        ("", ["elsewhere", "messages-only", "plain", "renamed"], False),
        ("limit=1000", ["elsewhere", "messages-only", "plain", "renamed"], False),
        ("limit=2", ["elsewhere", "messages-only"], True),
        ("limit=2&after_id=messages-only", ["plain", "renamed"], False),
        ("after_id=n", ["plain", "renamed"], False),
        ("limit=2&before_id=renamed", ["messages-only", "plain"], True),
        ("limit=9&before_id=plain", ["elsewhere", "messages-only"], False),
        ("after_id=renamed", [], False),
    ],
)
def test_anthropic_pages_by_ids(query: str, names: list[str], has_more: bool) -> None:  # noqa: FBT001
    body = listed(Dialect.ANTHROPIC, query)
    assert [entry["id"] for entry in body["data"]] == names
    assert body["has_more"] is has_more
    assert (body["first_id"], body["last_id"]) == ((names[0], names[-1]) if names else (None, None))


def test_gemini_pages_by_tokens() -> None:
    names, query = [], "pageSize=3"
    while query:
        body = listed(Dialect.GEMINI, query)
        names.append([entry["name"] for entry in body["models"]])
        token = body.get("nextPageToken")
        query = f"pageSize=3&pageToken={token}" if token else ""
    assert names == [["models/elsewhere", "models/gemini-only", "models/plain"], ["models/renamed"]]
    assert len(listed(Dialect.GEMINI, "pageSize=0")["models"]) == 4
    assert len(listed(Dialect.GEMINI, "pageSize=5000")["models"]) == 4


def test_openai_has_no_pages() -> None:
    assert read_page(Dialect.OPENAI, "limit=1&after=x") == WHOLE_LIST


@pytest.mark.parametrize(
    ("dialect", "query", "parameter"),
    [
        *((Dialect.ANTHROPIC, f"limit={limit}", "limit") for limit in ("0", "1001", "-1", "x", "", "1.5", "٣")),
        (Dialect.ANTHROPIC, "after_id=a&before_id=b", "before_id"),
        (Dialect.GEMINI, "pageSize=-1", "pageSize"),
        (Dialect.GEMINI, "page_size=x", "pageSize"),
        (Dialect.GEMINI, "pageToken=%21", "pageToken"),
        (Dialect.GEMINI, "pageToken=_w==", "pageToken"),
    ],
)
def test_a_page_that_does_not_exist_is_refused(dialect: Dialect, query: str, parameter: str) -> None:
    refusal = read_page(dialect, query)
    assert isinstance(refusal, Refusal)
    assert (refusal.status, refusal.parameter) == (400, parameter)
