"""The facts in a request body on which authz_service decides."""

import pytest

from tests.support.envoy_module import request_facts


def test_the_values_that_a_decision_needs_are_extracted() -> None:
    body = b'{"model":"m","stream":true,"max_tokens":5,"n":2,"service_tier":"auto","stream_options":{"include_usage":false}}'
    assert request_facts(body) == {
        "model": "m", "stream": True, "max_tokens": 5.0, "n": 2.0, "service_tier": "auto", "include_usage": False
    }  # fmt: skip


@pytest.mark.parametrize("parent", ["generationConfig", "generation_config"])
@pytest.mark.parametrize("count", ["candidateCount", "candidate_count"])
@pytest.mark.parametrize("limit", ["maxOutputTokens", "max_output_tokens"])
def test_gemini_is_read_in_camel_case_and_snake_case(parent: str, count: str, limit: str) -> None:
    body = f'{{"{parent}":{{"{count}":3,"{limit}":7}}}}'.encode()
    assert request_facts(body) == {"candidate_count": 3.0, "generation_max_output_tokens": 7.0}


def test_the_last_rule_wins_for_a_value_in_several_places() -> None:
    body = b'{"generation_config":{"candidate_count":4},"generationConfig":{"candidateCount":2},"candidate_count":9}'
    assert request_facts(body) == {"candidate_count": 4.0}


@pytest.mark.parametrize("value", [b"null", b"[]", b"{}", b'["m"]'])
def test_only_plain_values_are_extracted(value: bytes) -> None:
    assert request_facts(b'{"model":' + value + b"}") == {}


def test_the_last_of_a_repeated_key_counts() -> None:
    assert request_facts(b'{"model":"a","model":"b"}') == {"model": "b"}
    assert request_facts(b'{"model":"a","model":[]}') == {}
    assert request_facts(b'{"stream_options":{"include_usage":true},"stream_options":{}}') == {}
    assert request_facts(b'{"stream_options":{"include_usage":true},"stream_options":null}') == {}


def test_an_escaped_key_is_read() -> None:
    assert request_facts(b'{"mod\\u0065l":"a"}') == {"model": "a"}


def test_a_value_in_another_object_is_ignored() -> None:
    assert request_facts(b'{"metadata":{"stream":true},"b":[{"n":2}],"stream_options":[{"include_usage":true}]}') == {}


@pytest.mark.parametrize("kind", [b'"true"', b"1", b"true"])
def test_values_of_different_types_are_distinguished(kind: bytes) -> None:
    assert request_facts(b'{"stream":' + kind + b"}") == {"stream": {b'"true"': "true", b"1": 1.0, b"true": True}[kind]}


def test_a_text_of_more_than_16384_bytes_is_ignored() -> None:
    assert request_facts(b'{"model":"' + b"x" * 16384 + b'"}') == {"model": "x" * 16384}
    assert request_facts(b'{"model":"' + b"x" * 16385 + b'"}') == {}


@pytest.mark.parametrize("body", [b"[]", b"1", b'"x"', b"null"])
def test_a_body_that_is_not_an_object_has_no_facts(body: bytes) -> None:
    assert request_facts(body) == {}


@pytest.mark.parametrize(
    "body", [b'{"model":"m"', b'{"model":"m"} x', b'{"model":"m","n":1e400}', b'{"model":"\\ud800"}']
)
def test_an_unreadable_body_is_reported(body: bytes) -> None:
    assert request_facts(body) is None


@pytest.mark.parametrize(
    ("body", "characters"),
    [
        ('{"input":"Grüße 😀","voice":"alloy"}', 7.0),
        ('{"voice":"alloy","input":"a\\u00e9\\ud83d\\ude00"}', 3.0),
        ('{"voice":"alloy","input":"ab","input":"c"}', 3.0),
        ('{"input":"' + "\U0001f600" * 4_096 + '","voice":"alloy"}', 4_096.0),
        ('{"input":"' + "\U0001f600" * 4_097 + '","voice":"alloy"}', None),
        ('{"voice":"alloy","input":""}', None),
        ('{"voice":"alloy","input":["ab"]}', None),
        ('{"voice":{"id":"voice_1"},"input":"ab"}', None),
        ('{"input":"ab"}', None),
    ],
)
def test_the_characters_of_a_text_to_be_spoken_are_counted(body: str, characters: float | None) -> None:
    facts = request_facts(body.encode())
    assert facts is not None
    assert facts.get("input_characters") == characters
