"""What of a request body authz_service decides by."""

import pytest

from tests.support.envoy_module import request_facts


def test_takes_the_values_that_a_decision_needs() -> None:
    body = b'{"model":"m","stream":true,"max_tokens":5,"n":2,"service_tier":"auto","stream_options":{"include_usage":false}}'
    assert request_facts(body) == {
        "model": "m", "stream": True, "max_tokens": 5.0, "n": 2.0, "service_tier": "auto", "include_usage": False
    }  # fmt: skip


@pytest.mark.parametrize("parent", ["generationConfig", "generation_config"])
@pytest.mark.parametrize("count", ["candidateCount", "candidate_count"])
@pytest.mark.parametrize("limit", ["maxOutputTokens", "max_output_tokens"])
def test_reads_gemini_in_camel_case_and_in_snake_case(parent: str, count: str, limit: str) -> None:
    body = f'{{"{parent}":{{"{count}":3,"{limit}":7}}}}'.encode()
    assert request_facts(body) == {"candidate_count": 3.0, "generation_max_output_tokens": 7.0}


def test_of_several_places_for_one_value_the_last_rule_wins() -> None:
    body = b'{"generation_config":{"candidate_count":4},"generationConfig":{"candidateCount":2},"candidate_count":9}'
    assert request_facts(body) == {"candidate_count": 4.0}


@pytest.mark.parametrize("value", [b"null", b"[]", b"{}", b'["m"]'])
def test_takes_plain_values_only(value: bytes) -> None:
    assert request_facts(b'{"model":' + value + b"}") == {}


def test_of_a_key_named_twice_the_last_counts() -> None:
    assert request_facts(b'{"model":"a","model":"b"}') == {"model": "b"}
    assert request_facts(b'{"model":"a","model":[]}') == {}
    assert request_facts(b'{"stream_options":{"include_usage":true},"stream_options":{}}') == {}
    assert request_facts(b'{"stream_options":{"include_usage":true},"stream_options":null}') == {}


def test_reads_an_escaped_key() -> None:
    assert request_facts(b'{"mod\\u0065l":"a"}') == {"model": "a"}


def test_a_value_inside_of_another_object_is_not_taken() -> None:
    assert request_facts(b'{"a":{"model":"x"},"b":[{"model":"y"}],"stream_options":[{"include_usage":true}]}') == {}


@pytest.mark.parametrize("kind", [b'"true"', b"1", b"true"])
def test_kinds_stay_apart(kind: bytes) -> None:
    assert request_facts(b'{"stream":' + kind + b"}") == {"stream": {b'"true"': "true", b"1": 1.0, b"true": True}[kind]}


def test_a_text_of_more_than_8192_bytes_is_not_taken() -> None:
    assert request_facts(b'{"model":"' + b"x" * 8192 + b'"}') == {"model": "x" * 8192}
    assert request_facts(b'{"model":"' + b"x" * 8193 + b'"}') == {}


@pytest.mark.parametrize("body", [b"[]", b"1", b'"x"', b"null"])
def test_finds_nothing_in_what_is_no_object(body: bytes) -> None:
    assert request_facts(body) == {}


@pytest.mark.parametrize(
    "body", [b'{"model":"m"', b'{"model":"m"} x', b'{"model":"m","a":1e400}', b'{"model":"\\ud800"}']
)
def test_says_so_where_a_body_cannot_be_read(body: bytes) -> None:
    assert request_facts(body) is None
