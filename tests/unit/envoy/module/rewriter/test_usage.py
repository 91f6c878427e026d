"""The facts that the rewriter extracts from a response that is one JSON document."""

import json

import pytest

from tests.support.envoy_module import document_usage, stream_usage


def test_usage_is_copied_exactly() -> None:
    usage = b'{ "prompt_tokens": 9007199254740993, "details": [1, {"a": "}"}] }'
    document = b'{"id":"c1","model":"m-2024","choices":[{"message":{"usage":{"x":1}}}],"usage":' + usage + b"}"
    assert document_usage(document) == {"response_id": "c1", "model": "m-2024", "usage": usage.decode()}


def test_the_fields_of_a_gemini_response_are_copied() -> None:
    document = {"usageMetadata": {"promptTokenCount": 3}, "modelVersion": "g-1", "responseId": "r"}
    facts = document_usage(json.dumps(document).encode())
    assert facts == {"usage_metadata": '{"promptTokenCount": 3}', "model": "g-1", "response_id": "r"}


def test_of_a_repeated_member_the_one_with_the_greatest_counts_is_read() -> None:
    assert document_usage(b'{"usage":{"a":1},"usage":{"a":2}}') == {"usage": '{"a":2}'}
    assert document_usage(b'{"usage":{"a":2},"usage":{"a":1}}') == {"usage": '{"a":2}'}


@pytest.mark.parametrize(
    "document", [b"", b"[]", b"[1]", b"null", b'"x"', b'{"usage":null}', b'{"usage":5}', b'{"id":null}']
)
def test_a_document_without_usage_has_no_facts(document: bytes) -> None:
    assert document_usage(document) == {}


def test_facts_of_a_truncated_document_are_kept() -> None:
    facts = document_usage(b'{"usage":{"a":1},"choices":[{"text":"unfinis')
    assert facts == {"usage": '{"a":1}', "delivered_bytes": 7}


def test_the_type_of_an_error_is_extracted_but_not_its_message() -> None:
    document = {"error": {"message": "you said: secret", "type": "rate_limit_error", "code": 429, "status": "X"}}
    facts = document_usage(json.dumps(document).encode())
    assert facts == {"error.type": "rate_limit_error", "error.code": 429, "error.status": "X"}


def test_an_error_without_a_type_is_marked() -> None:
    assert document_usage(b'{"error":{"message":"secret"}}') == {"error.present": True}
    assert document_usage(b'{"response":{"error":{}}}') == {"response_error.present": True}


def test_an_error_that_is_a_string_is_truncated() -> None:
    assert document_usage(b'{"error":"' + b"x" * 1000 + b'"}') == {"error": "x" * 200}


@pytest.mark.parametrize(
    "value",
    [
        b"1e999",
        b"9223372036854775808",
        b'"\\ud83d"',
        b'"\\udc00x"',
        b'"\\ud83d\\n"',
        b'"\xff\xfe"',
        b'"\\q"',
        b'"\\u12"',
        b'"a\nb"',
    ],
)
def test_an_unreadable_value_is_skipped(value: bytes) -> None:
    assert document_usage(b'{"choices":[{"other":' + value + b'}],"usage":{"a":1}}') == {"usage": '{"a":1}'}


def test_usage_loses_what_is_not_utf8() -> None:
    """Seen to fail while such usage was set aside, and the call was estimated."""
    document = b'{"model":"m","usage":{"a":"\xff","b":2}}'
    assert document_usage(document) == {"model": "m", "usage": '{"a":"?","b":2}'}


def test_a_name_that_is_not_utf8_is_omitted() -> None:
    assert document_usage(b'{"model":"\xff","usage":{"b":2}}') == {"usage": '{"b":2}'}


def test_usage_of_more_than_64_kib_is_no_report() -> None:
    long = b'{"usage":{"a":"' + b"x" * 65_536 + b'"}}'
    assert document_usage(b'{"model":"m",' + long[1:]) == {"model": "m", "usage": "too long"}
    assert stream_usage(b"data: " + long + b'\n\ndata: {"usage":{"a":1}}\n\n') == {"usage": '{"a":1}'}


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity", b"[-Infinity, NaN]"])
def test_numbers_that_are_none_do_not_hide_the_usage(number: bytes) -> None:
    """Python writes them for the logarithms of impossible tokens. Seen to fail: such answers were estimated."""
    document = b'{"choices":[{"logprobs":{"x":' + number + b'}}],"usage":{"a":1}}'
    assert document_usage(document) == {"usage": '{"a":1}'}
    assert stream_usage(b"data: " + document + b"\n\n") == {"usage": '{"a":1}'}


def test_usage_metadata_in_snake_case_is_read() -> None:
    assert document_usage(b'{"usage_metadata":{"a":1}}') == {"usage_metadata": '{"a":1}'}


def test_usage_is_written_on_one_line() -> None:
    document = b'{\n\t"usage": {\n\t\t"a": 1\n\t}\n}'
    assert document_usage(document) == {"usage": '{\n\t\t"a": 1\n\t}'}
