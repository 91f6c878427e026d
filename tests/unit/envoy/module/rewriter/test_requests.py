"""The changes that the rewriter makes in a request body, and the bodies that it refuses."""

import json
import time

import pytest

from tests.support.envoy_module import Rewritten, error_body, refusal_code, rewrite, rewritten


def test_only_the_value_of_the_top_level_model_is_replaced() -> None:
    body = b' {\n "messages" : [{"model":"inner"}], "model"\t:  "public" ,"seed":9007199254740993 }\n'
    assert rewritten(body, served_model="upstream") == body.replace(b'"public"', b'"upstream"')


def test_a_model_name_is_written_as_a_json_string() -> None:
    name = 'a"b\\c\n\x01é'
    assert json.loads(rewritten(b'{"model":"x"}', served_model=name))["model"] == name


def test_a_body_without_requested_changes_stays_unchanged() -> None:
    body = b'{"z":1.0,"model":"x","a":[{"b":"\\u00e9\\n"}]}'
    assert rewrite(body) == Rewritten(body, is_usage_injected=False)


def test_a_key_inside_a_string_is_text() -> None:
    body = b'{"prompt":"\\",\\"model\\":\\"evil\\"\\\\","model":"x"}'
    assert rewritten(body, served_model="y") == body.replace(b'"x"}', b'"y"}')


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"stream":true}', b'{"stream_options":{"include_usage":true},"stream":true}'),
        (b"{}", b'{"stream_options":{"include_usage":true}}'),
        (b'{"stream_options":{}}', b'{"stream_options":{"include_usage":true}}'),
        (b'{"stream_options":{"a":1}}', b'{"stream_options":{"include_usage":true,"a":1}}'),
        (b'{"stream_options":{"include_usage":false}}', b'{"stream_options":{"include_usage":true}}'),
        (b'{"stream_options":{"include_usage":null}}', b'{"stream_options":{"include_usage":true}}'),
        (b'{"stream_options":null}', b'{"stream_options":{"include_usage":true}}'),
    ],
)
def test_usage_is_requested_if_the_caller_did_not(body: bytes, expected: bytes) -> None:
    assert rewrite(body, inject_include_usage=True) == Rewritten(expected, is_usage_injected=True)


def test_a_request_for_usage_stays_unchanged() -> None:
    body = b'{"stream_options":{"include_usage":true}}'
    assert rewrite(body, inject_include_usage=True) == Rewritten(body, is_usage_injected=False)


def test_model_and_usage_are_changed_together() -> None:
    body = b'{"model":"x","stream_options":{"include_usage":false},"n":1}'
    expected = b'{"model":"y","stream_options":{"include_usage":true},"n":1}'
    assert rewritten(body, served_model="y", inject_include_usage=True) == expected


@pytest.mark.parametrize(
    ("body", "limit", "expected"),
    [
        (b'{"model":"x"}', "max_tokens=9", b'{"max_tokens":9,"model":"x"}'),
        (b"{}", "max_output_tokens=9", b'{"max_output_tokens":9}'),
        (b'{"max_tokens": null}', "max_tokens=9", b'{"max_tokens": 9}'),
        (
            b'{"max_tokens":null,"max_completion_tokens":null}',
            "max_completion_tokens=9",
            b'{"max_tokens":null,"max_completion_tokens":9}',
        ),
        (b'{"a":1}', "maxOutputTokens=9", b'{"generationConfig":{"maxOutputTokens":9},"a":1}'),
        (b"{}", "maxOutputTokens=9", b'{"generationConfig":{"maxOutputTokens":9}}'),
        (b'{"generationConfig":null}', "maxOutputTokens=9", b'{"generationConfig":{"maxOutputTokens":9}}'),
        (b'{"generationConfig":{}}', "maxOutputTokens=9", b'{"generationConfig":{"maxOutputTokens":9}}'),
        (b'{"generation_config":{"topK":1}}', "maxOutputTokens=9", b'{"generation_config":{"maxOutputTokens":9,"topK":1}}'),
        (b'{"generationConfig":{"maxOutputTokens":null}}', "maxOutputTokens=9", b'{"generationConfig":{"maxOutputTokens":9}}'),
        (b'{"generationConfig":{"max_output_tokens":null}}', "maxOutputTokens=9", b'{"generationConfig":{"max_output_tokens":9}}'),
    ],
)  # fmt: skip
def test_an_output_limit_is_written_where_the_dialect_has_it(body: bytes, limit: str, expected: bytes) -> None:
    assert rewritten(body, output_limit=limit) == expected


def test_model_usage_and_output_limit_are_changed_together() -> None:
    body = b' {"stream":true,"model":"x"}'
    changed = rewritten(body, served_model="y", inject_include_usage=True, output_limit="max_completion_tokens=1024")
    assert changed == (
        b' {"stream_options":{"include_usage":true},"max_completion_tokens":1024,"stream":true,"model":"y"}'
    )


def test_usage_and_output_limit_are_written_into_an_empty_body() -> None:
    changed = rewritten(b"{}", inject_include_usage=True, output_limit="max_tokens=9")
    assert json.loads(changed) == {"stream_options": {"include_usage": True}, "max_tokens": 9}


def test_a_limit_of_the_caller_is_never_replaced() -> None:
    assert rewrite(b'{"max_tokens":5}', output_limit="max_tokens=9") == "gateway_error"


@pytest.mark.parametrize("body", [b"", b"  ", b"[]", b'"x"', b"1", b"null", b'\xef\xbb\xbf{"model":"x"}'])
def test_a_body_that_is_not_an_object_is_refused(body: bytes) -> None:
    assert refusal_code(body) == "body_not_object"


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b'{"a"',
        b'{"a":',
        b'{"a":1',
        b'{"a":"x',
        b'{"a":"x\\"}',
        b'{"a":[1,2}',
        b'{"a":{"b":1]}',
        b'{"a":1,}',
        b'{"a" 1}',
        b"{a:1}",
        b'{"a":1}{"a":2}',
        b'{"a":1} x',
        b'{"a":1,,"b":2}',
        b'{"model":"x"/**/}',
    ],
)
def test_invalid_json_is_refused(body: bytes) -> None:
    assert refusal_code(body) == "malformed_body"


@pytest.mark.parametrize(
    "body",
    [
        b'{"mod\\u0065l":"x"}',
        b'{"model":"x","\\u006dodel":"y"}',
        b'{"stream_options":{"include\\u005fusage":true}}',
        b'{"generationConfig":{"maxOutput\\u0054okens":1}}',
    ],
)
def test_an_escaped_key_that_counts_is_refused(body: bytes) -> None:
    assert refusal_code(body) == "escaped_key"


@pytest.mark.parametrize(
    "body", [b'{"a\\/b":1}', b'{"us\\u0065r":"x"}', b'{"metadata":{"mod\\u0065l":1}}', b'{"a":1,"a":2}']
)
def test_an_escaped_or_repeated_key_that_does_not_count_passes(body: bytes) -> None:
    assert rewritten(body) == body


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"Tools":[]}', "misspelled_key"),
        (b'{"Messages":[]}', "misspelled_key"),
        (b'{"tools":[],"tools":[]}', "repeated_key"),
        (b'{"service_tier":"auto","serviceTier":"auto"}', "repeated_key"),
        (b'{"fallb\\u0061cks":[]}', "escaped_key"),
        (b'{"speed":["fast"]}', "nested_value"),
        (b'{"voice":{"id":"voice_1"}}', "nested_value"),
        (b'{"stream_format":"audio","stream_format":"sse"}', "repeated_key"),
    ],
)
def test_a_key_that_may_make_the_call_dearer_is_unambiguous(body: bytes, code: str) -> None:
    assert refusal_code(body) == code


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"x","model":"y"}',
        b'{"model":"x","model":"x"}',
        b'{"stream":true,"stream":false}',
        b'{"stream_options":{},"stream_options":{}}',
        b'{"max_tokens":1,"max_tokens":100000}',
        b'{"stream_options":{"include_usage":true,"include_usage":false}}',
        b'{"generationConfig":{},"generation_config":{}}',
        b'{"generationConfig":{"maxOutputTokens":1,"max_output_tokens":9}}',
        b'{"generation_config":{"candidateCount":1,"candidateCount":9}}',
        b'{"messages":[],"messages":[{"role":"user","content":"x"}]}',
        b'{"input":"a","input":["b"]}',
        b'{"contents":[],"contents":[]}',
        b'{"system":"a","system":"b"}',
        b'{"instructions":"a","instructions":"b"}',
        b'{"systemInstruction":{},"system_instruction":{}}',
    ],
)
def test_a_repeated_key_is_refused(body: bytes) -> None:
    assert refusal_code(body) == "repeated_key"


def test_a_repeated_irrelevant_key_passes() -> None:
    body = b'{"model":"x","user":"a","user":"b","metadata":{"model":1,"model":2}}'
    assert rewritten(body) == body


@pytest.mark.parametrize("body", [b'{"Model":"x"}', b'{"model":"x","STREAM":true}', b'{"generationconfig":{}}'])
def test_a_key_that_a_lenient_parser_takes_for_another_is_refused(body: bytes) -> None:
    assert refusal_code(body) == "misspelled_key"


@pytest.mark.parametrize("options", [b"1", b'"x"', b"[]", b"true", b'{"include_usage":1}', b'{"include_usage":"true"}'])
def test_stream_options_that_cannot_be_changed_are_refused(options: bytes) -> None:
    body = b'{"stream_options":' + options + b"}"
    assert refusal_code(body, inject_include_usage=True) == "invalid_stream_options"
    assert rewritten(body) == body


@pytest.mark.parametrize("body", [b"{}", b'{"model":1}', b'{"model":null}'])
def test_a_model_that_is_not_a_string_is_refused(body: bytes) -> None:
    assert refusal_code(body, served_model="y") == "invalid_model"
    assert rewritten(body) == body


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":["x"]}',
        b'{"model":{}}',
        b'{"max_tokens":[]}',
        b'{"n":{"a":1}}',
        b'{"generationConfig":{"maxOutputTokens":[5]}}',
    ],
)
def test_an_object_or_array_in_place_of_a_plain_value_is_refused(body: bytes) -> None:
    assert refusal_code(body) == "nested_value"


def test_a_body_deeper_than_the_limit_is_refused() -> None:
    def nested(depth: int) -> bytes:
        return b'{"a":' + b"[" * depth + b"]" * depth + b"}"

    assert rewritten(nested(999)) == nested(999)
    assert refusal_code(nested(1000)) == "body_too_deep"
    assert refusal_code(b'{"a":' * 100_000) == "body_too_deep"


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":"' + b"A" * 32_000_000 + b'"}',
        b'{"a":"' + b'\\"' * 16_000_000 + b'"}',
        b'{"a":"' + b"\\\\" * 16_000_000 + b'"}',
        b'{"a":[' + b"1," * 16_000_000 + b"1]}",
        b"{" + b'"a":1,' * 5_000_000 + b'"b":1}',
    ],
    ids=["one string", "escaped quotes", "backslashes", "numbers", "members"],
)
def test_the_largest_bodies_take_linear_time(body: bytes) -> None:
    started_s = time.monotonic()
    assert rewritten(body) == body
    assert time.monotonic() - started_s < 20  # takes about half a second; a quadratic algorithm would take hours


OPENAI = {
    "message": "The request body names the same key twice. Send each key once.",
    "type": "invalid_request_error",
    "param": None,
    "code": "repeated_key",
}


@pytest.mark.parametrize("path", [b"/v1/chat/completions", b"/v1/messagesx", b"/v1betax", b"/v1/models/a?b:c", b""])
def test_errors_have_the_shape_of_openai(path: bytes) -> None:
    assert error_body(path, "repeated_key") == {"error": OPENAI}


@pytest.mark.parametrize("path", [b"/v1/messages", b"/v1/messages?beta=true", b"/v1/messages/batches"])
def test_errors_have_the_shape_of_anthropic(path: bytes) -> None:
    error = error_body(path, "repeated_key")
    assert (error["type"], error["error"]["type"], error["error"]["code"]) == (
        "error",
        "invalid_request_error",
        "repeated_key",
    )


@pytest.mark.parametrize("path", [b"/v1beta/models/m:generateContent", b"/v1/models/m:generateContent"])
def test_errors_have_the_shape_of_gemini(path: bytes) -> None:
    error = error_body(path, "repeated_key")["error"]
    assert (error["code"], error["status"], error["details"][0]["reason"]) == (400, "INVALID_ARGUMENT", "REPEATED_KEY")


def test_a_fault_of_the_module_is_not_blamed_on_the_caller() -> None:
    assert error_body(b"/v1/chat/completions", "gateway_error")["error"]["type"] == "api_error"
    assert error_body(b"/v1/messages", "gateway_error")["error"]["type"] == "api_error"
    assert error_body(b"/v1beta/x", "gateway_error")["error"]["code"] == 500
