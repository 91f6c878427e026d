"""Lists in an order and with a filter of the service."""

import datetime as dt
from types import SimpleNamespace
from typing import Any

import pytest
from megarouter.admin.v1.messages import ApiKey, ListApiKeysRequest, ListApiKeysResponse
from megarouter_admin.command_line.rendering.output import Output
from megarouter_admin.command_line.resources.keys import list_keys
from megarouter_admin.command_line.session import Session
from megarouter_admin.command_line.values.times import timestamp

NOW = dt.datetime(2026, 11, 30, tzinfo=dt.UTC)


def key(number: int, *, created_days_ago: int, used_days_ago: int | None, spent: int = 0) -> ApiKey:
    made = ApiKey(
        name=f"organizations/acme/apiKeys/k{number}", spent_nano_credits=spent * 10**9, call_count=number,
        create_time=timestamp(NOW - dt.timedelta(days=created_days_ago)),
    )  # fmt: skip
    if used_days_ago is not None:
        made.last_use_time.CopyFrom(timestamp(NOW - dt.timedelta(days=used_days_ago)))
    return made


KEYS = [
    key(0, created_days_ago=90, used_days_ago=None, spent=0),
    key(1, created_days_ago=80, used_days_ago=40, spent=7),
    key(2, created_days_ago=70, used_days_ago=1, spent=2),
    key(3, created_days_ago=5, used_days_ago=None, spent=0),
    key(4, created_days_ago=60, used_days_ago=30, spent=5),
]


def list_page(request: ListApiKeysRequest) -> ListApiKeysResponse:
    """Answers with two keys in the wanted order for each page, whatever its size."""
    field, _, direction = request.order_by.partition(" ")
    keys = sorted(KEYS, key=lambda one: str(getattr(one, field)), reverse=bool(direction)) if field else KEYS
    start = int(request.page_token or 0)
    more = str(start + 2) if start + 2 < len(keys) else ""
    return ListApiKeysResponse(api_keys=keys[start : start + 2], next_page_token=more)


@pytest.mark.parametrize(
    ("options", "shown", "remark"),
    [
        ({}, [0, 1, 2, 3, 4], "5 keys, 10 calls, 14.00 credits spent"),
        ({"sort": "spent"}, [1, 4, 2, 0, 3], "5 keys"),
        ({"sort": "spent", "limit": 2}, [1, 4], "showing the first 2"),
        ({"sort": "created", "reverse": True}, [0, 1, 2, 4, 3], "5 keys"),
        ({"sort": "used"}, [2, 4, 1, 0, 3], "5 keys"),
        ({"sort": "calls", "limit": 1}, [4], "1 key, 4 calls, 5.00 credits spent"),
    ],
)
def test_keys_are_ordered_by_the_service(
    options: dict[str, Any], shown: list[int], remark: str, capsys: pytest.CaptureFixture[str]
) -> None:
    router: Any = SimpleNamespace(api_keys=SimpleNamespace(ListApiKeys=list_page))
    list_keys(Session(router, "acme", Output(json=False), NOW), **options)
    printed = capsys.readouterr()
    assert [int(line.split()[0][1:]) for line in printed.out.splitlines()[1:]] == shown
    assert remark in printed.err


@pytest.mark.parametrize(
    ("options", "filter_text"),
    [
        ({"never_used": True}, "NOT last_use_time:*"),
        (
            {"unused_for": "10d"},
            "NOT last_use_time >= 2026-11-20T00:00:00Z AND create_time < 2026-11-20T00:00:00Z",
        ),
        ({"unused_for": "60d", "never_used": True}, "NOT last_use_time:* AND create_time < 2026-10-01T00:00:00Z"),
        (
            {"never_used": True, "filter_text": "state = STATE_ACTIVE"},
            "(state = STATE_ACTIVE) AND (NOT last_use_time:*)",
        ),
    ],
)
def test_idle_keys_are_chosen_by_the_service(options: dict[str, Any], filter_text: str) -> None:
    asked: list[ListApiKeysRequest] = []

    def answer(request: ListApiKeysRequest) -> ListApiKeysResponse:
        asked.append(request)
        return ListApiKeysResponse()

    router: Any = SimpleNamespace(api_keys=SimpleNamespace(ListApiKeys=answer))
    list_keys(Session(router, "acme", Output(json=True), NOW), **options)
    assert [request.filter for request in asked] == [filter_text]


def test_json_has_no_totals(capsys: pytest.CaptureFixture[str]) -> None:
    router: Any = SimpleNamespace(api_keys=SimpleNamespace(ListApiKeys=list_page))
    list_keys(Session(router, "acme", Output(json=True), NOW))
    assert capsys.readouterr().err == ""
