"""Parsing the JSON of reports."""

import json

import pytest

from usage_service.provider_reports.json_text import json_value


@pytest.mark.parametrize("text", ['{"a":1}', ' {"a": 1} ', '"text"', "null", '[1,2.0,"\\u00e9"]', "\n1\n"])
def test_a_text_is_read_as_json_loads_reads_it(text: str) -> None:
    assert json_value(text) == json.loads(text)


@pytest.mark.parametrize("text", ["", "{", '{"a":1}x', '{"a":1}{"a":1}', "\ufeff{}", "tru"])
def test_anything_beside_one_value_is_an_error(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - as json.loads
        json_value(text)


def test_deep_nesting_is_a_recursion_error() -> None:
    with pytest.raises(RecursionError):
        json_value("[" * 100_000)
