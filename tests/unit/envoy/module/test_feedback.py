"""Of a rating only short values under three names leave Envoy."""

import json
from typing import Any

import pytest

from tests.support.envoy_module import feedback_facts

SENT = {"id": "3f0a1c2e-9d4b-4a6f-8c11-0123456789ab", "rating": "bad", "reason": "incorrect"}


def read(**changes: Any) -> dict[str, Any] | None:
    return feedback_facts(json.dumps({**SENT, **changes}).encode())


def test_a_rating_has_three_values() -> None:
    assert read() == {f"feedback_{name}": value for name, value in SENT.items()}


def test_what_people_write_stays_in_envoy() -> None:
    found = read(comment="She said that the contract …", nested={"id": "other", "rating": "good"})
    assert found == {**(read() or {}), "feedback_other": True}


@pytest.mark.parametrize("value", [1, True, ["bad"], {"a": "bad"}, "x" * 129])
def test_a_value_of_another_kind_is_no_text(value: object) -> None:
    assert (read(rating=value) or {})["feedback_rating"] is False


def test_null_counts_as_absent() -> None:
    assert "feedback_reason" not in (read(reason=None) or {})


@pytest.mark.parametrize("body", [b"", b"[]", b'"bad"', b'{"id": "a"', b'{"id": "a", "id": "b"}', b"{} {}"])
def test_what_is_not_one_object_with_each_name_once_is_unreadable(body: bytes) -> None:
    assert feedback_facts(body) is None
