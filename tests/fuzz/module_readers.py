"""Feeds broken texts, cut anywhere, to what Envoy's module reads: requests, answers, forms, and answers about keys.

    python -m tests.fuzz.module_readers --reader answers --seconds 1800

An out-of-bounds access ends the process, as it would end Envoy. A text that is read differently when it is cut, a report
that is not JSON, or a form that the reference in Python reads differently fails with the text and the seed.
"""

import argparse
import logging
import random
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from envoy.service.auth.v3 import external_auth_pb2
from google.protobuf.message import DecodeError

from authz_service.request.envoy_messages import deny, key_is_known
from gateway_core.model.calls.refusals import Refusal, RefusalReason
from gateway_core.model.endpoints import Dialect
from tests.support import reference_forms
from tests.support.envoy_doors import Refused, framed, key_answer
from tests.support.envoy_module import (
    document_usage,
    form_facts,
    is_json,
    request_facts,
    rewrite,
    rewritten_form,
    shown,
    stream_usage,
)
from tests.support.forms import BOUNDARY, CONTENT_TYPE, field, file, form

logger = logging.getLogger(__name__)

_REQUESTS: Final = (
    b'{"model":"m","stream":true,"stream_options":{"include_usage":false},"n":1,"messages":[{"role":"user","content":"\\u00e9\\n"}]}',
    b'{"generationConfig":{"candidateCount":2,"maxOutputTokens":5},"contents":[{"parts":[{"text":"\xf0\x9f\x98\x80"}]}]}',
    (
        b'{"model":"m","max_tokens":5,"system":[{"type":"text","text":"x","cache_control":{"type":"ephemeral"}}],"messages":['
        b'{"role":"user","content":[{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"QUJD"}},'
        b'{"type":"tool_result","content":[{"type":"image","source":{"type":"url","url":"https://a.example/b"}}]}]}],'
        b'"tools":[{"type":"web_search_20250305"},{"name":"f","input_schema":{"type":"object"},"cache_control":{}}],'
        b'"fallbacks":[{"model":"n"}],"container":{"id":"c","skills":[{"skill_id":"skill_1"}]},"thinking":{"budget_tokens":9}}'
    ),
    (
        b'{"model":"m","input":[{"type":"reasoning","id":"rs_1","encrypted_content":"x"},{"type":"item_reference","id":"a"},'
        b'{"role":"user","content":[{"type":"input_file","file_id":"f"},{"type":"input_image","image_url":"data:image/png;base64,QQ=="}]}],'
        b'"previous_response_id":"r","conversation":{"id":"c"},"prompt":{"id":"p","variables":{"v":{"file_id":"g"}}},'
        b'"tools":[{"type":"file_search","vector_store_ids":["v"]},{"type":"code_interpreter","container":{"memory_limit":"4g"}}]}'
    ),
    (
        b'{"model":"m","messages":[{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"QUJD","format":"wav"}}]}],'
        b'"search_parameters":{"mode":"off","sources":[{"type":"web"}]},"web_search_options":{},"modalities":["audio"],"n":2}'
    ),
    (
        b'{"contents":[{"parts":[{"inlineData":{"mimeType":"audio/ogg","data":"QUJD"}},{"fileData":{"fileUri":"files/a"}}]}],'
        b'"tools":[{"googleSearch":{}}],"generationConfig":{"responseModalities":["IMAGE",2],"thinkingConfig":{"thinkingBudget":1}}}'
    ),
    b'{"model":"m","prompt":["a",[1,2],{"id":"p"}],"best_of":3}',
)
_ANSWERS: Final = (
    b'{"id":"c","model":"m","choices":[],"usage":{"prompt_tokens":3,"x":[1,{}]},"error":{"type":"t","code":429}}',
    b'data: {"choices":[],"usage":{"a":1}}\n\ndata: {"response":{"usage":{},"error":{"code":"x"}}}\r\n\r\nevent: x\ndata: [1]\n\n',
    (
        b'data: {"choices":[{"delta":{"content":"\\ud83d\\ude00","tool_calls":[{"function":{"arguments":"{\\"a\\":1}"}}]},'
        b'"usage":{"n":"7"}}]}\n\n'
        b'data: {"usage":\ndata: {"n":1.5e3,"service_tier":"x"}}\n\ndata: {"choices":null,"usage":{"n":2}}\n\n'
    ),
    (
        b'[{"candidates":[{"content":{"parts":[{"text":"a"},{"functionCall":{"args":{"b":[1,"c"]}}}]},'
        b'"groundingMetadata":{"webSearchQueries":["q"]}}],"usageMetadata":{"t":1}},{"error":{"code":1}}]'
    ),
    (
        b'data: {"type":"response.output_item.done","item":{"type":"web_search_call","action":{"type":"search"}}}\n\n'
        b'data: {"type":"response.completed","response":{"output":[{"type":"file_search_call"}],"tool_usage":{"a":1}}}\n\n'
    ),
    (
        b'data: {"type":"message_start","message":{"id":"m","usage":{"input_tokens":5},"container":{"id":"c"}}}\n\n'
        b'data: {"type":"content_block_start","content_block":{"type":"web_search_tool_result","content":{"type":"e"}}}\n\n'
        b'data: {"type":"content_block_delta","delta":{"type":"text_delta","text":"\\u00e9"}}\n\n'
        b'data: {"type":"message_delta","usage":{"output_tokens":7,"server_tool_use":{"web_search_requests":1}}}\n\n'
    ),
    b'{"data":[{"b64_json":"QUJD"}],"usage":{"input_tokens":1,"output_tokens_details":{"image_tokens":2}}}',
)
_FORMS: Final = (
    form([field("model", "whisper-1"), file("file", b"ID3\r\n--" + bytes(20)), field("response_format", "json")]),
    form([file("image[]", b"\x89PNG\r\n", "a.png"), field("prompt", "a"), field("model", "m"), field("n", "2")]),
    form([field("purpose", "user_data"), field("stream", "true"), file("file", b"\r\n-", "a;b.txt", "text/plain")]),
)
_KEY_ANSWERS: Final = (
    key_is_known("acme"),
    deny(Refusal(RefusalReason.INVALID_API_KEY, "The key does not exist.", retry_after_s=3), Dialect.GEMINI),
)
WIRE_TOKENS: Final = (
    b"\x0a",
    b"\x12",
    b"\x1a",
    b"\x08",
    b"\x00",
    b"\x7f",
    b"\xff" * 9,
    b"\xff" * 11,
    b"\x0b",
    b"\x0d",
    b"",
)
TOKENS: Final = (
    b'"',
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\n",
    b"\r",
    b"data:",
    b"\\ud83d",
    b"\xf0\x9f",
    b"1e9",
    b"null",
    b"[[[[[[",
    b"",
)
FORM_TOKENS: Final = (
    b"\r\n",
    b"\n",
    b"\r",
    b"--",
    f"\r\n--{BOUNDARY}".encode(),
    f"--{BOUNDARY}--".encode(),
    b"\r\n\r\n",
    b'"',
    b"\\",
    b"%",
    b";",
    b"=",
    b"*",
    b":",
    b" ",
    b'; name="model"',
    b'; filename="x"',
    b"Content-Disposition: form-data",
    b"content-transfer-encoding: base64\r\n",
    b"model",
    b"[]",
    b"",
    b"x" * 4096,
)
_REPORT_EVERY_S: Final = 60.0


@dataclass(frozen=True)
class Reader:
    """What reads the texts, and what the texts are made of."""

    read: Callable[[bytes, list[int]], tuple[Any, ...]]
    seeds: tuple[bytes, ...]
    tokens: tuple[bytes, ...]


def mutated(chance: random.Random, seeds: tuple[bytes, ...], tokens: tuple[bytes, ...] = TOKENS) -> bytes:
    """Returns one of the texts with some of its bytes replaced, repeated or cut off."""
    text = bytearray(chance.choice(seeds))
    for _ in range(chance.randint(0, 8)):
        place = chance.randint(0, len(text))
        text[place : place + chance.choice((0, 0, 1, 2, 40))] = chance.choice((*tokens, bytes([chance.randrange(256)])))
    if chance.random() < 0.2:
        del text[chance.randint(0, len(text)) :]
    return bytes(text)


def _read_request(text: bytes, places: list[int]) -> tuple[Any, ...]:
    rewritten = rewrite(text, served_model="s", inject_include_usage=True, output_limit="max_tokens=9", cuts=places)
    return is_json(text, places), request_facts(text, places), rewritten


def _read_answer(text: bytes, places: list[int]) -> tuple[Any, ...]:
    pieces = (text[first:last] for first, last in zip([0, *places], [*places, len(text)], strict=True))
    return document_usage(text, places), stream_usage(text, places), shown(*pieces)


def _read_form(text: bytes, places: list[int]) -> tuple[Any, ...]:
    facts, expected = form_facts(text, CONTENT_TYPE, places), _facts_by_reference(text)
    assert facts == expected or (expected is None and facts.keys() == {"unreadable"}), (text, facts, expected)
    return facts, rewritten_form(text, CONTENT_TYPE, "other-model", places)


def _read_key_answer(message: bytes, _places: list[int]) -> tuple[Any, ...]:
    """Whatever the module lets in or passes on, protobuf's own reader must read the same. The module may refuse more."""
    read = key_answer(framed(message))
    if read is None:
        return (read,)
    try:
        expected = external_auth_pb2.CheckResponse.FromString(message)
    except DecodeError:
        # The module skips over what it does not need, whose content it does not check. It lets no one in for that.
        return (read,)
    if isinstance(read, str):
        assert expected.HasField("status"), message
        assert expected.status.code == 0, message
    elif isinstance(read, Refused) and expected.HasField("denied_response"):
        assert read.body == expected.denied_response.body.encode(), message
    return (read,)


def _facts_by_reference(text: bytes) -> dict[str, Any] | None:
    try:
        return reference_forms.facts(text, CONTENT_TYPE)
    except reference_forms.FormError:
        return None


READERS: Final[Mapping[str, Reader]] = {
    "requests": Reader(_read_request, _REQUESTS, TOKENS),
    "answers": Reader(_read_answer, _ANSWERS, TOKENS),
    "forms": Reader(_read_form, _FORMS, FORM_TOKENS),
    "key_answers": Reader(_read_key_answer, _KEY_ANSWERS, WIRE_TOKENS),
}


def fuzz(reader: str, seed: int, seconds: float) -> int:
    """Reads broken texts for some seconds, and returns their number."""
    target = READERS[reader]
    chance, count, begun_s = random.Random(seed), 0, time.monotonic()
    reported_s = begun_s
    while (now_s := time.monotonic()) < begun_s + seconds:
        text = (
            mutated(chance, target.seeds, target.tokens)
            if chance.random() < 0.9
            else chance.randbytes(chance.randint(0, 300))
        )
        places = sorted(chance.randint(0, len(text)) for _ in range(chance.randint(0, 5)))
        assert target.read(text, places) == target.read(text, []), (seed, text, places)
        count += 1
        if now_s - reported_s > _REPORT_EVERY_S:
            reported_s = now_s
            logger.info("%s, seed %d: %d texts in %d s", reader, seed, count, now_s - begun_s)
    return count


def main() -> None:
    """Fuzzes one reader from the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.module_readers", description=__doc__)
    parser.add_argument("--reader", choices=READERS, required=True)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stdout)
    count = fuzz(arguments.reader, arguments.seed, arguments.seconds)
    logger.info("%s, seed %d: %d texts, no fault", arguments.reader, arguments.seed, count)


if __name__ == "__main__":
    main()
