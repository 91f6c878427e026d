"""Compares the module's reader of forms with a reference in Python, on generated and broken forms, split anywhere."""

import random
import time
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.module_readers import FORM_TOKENS, mutated
from tests.support import reference_forms
from tests.support.envoy_module import form_facts, rewritten_form
from tests.support.forms import BOUNDARY, CONTENT_TYPE, field, file, form

FUZZING_S = 1.0
PARAMETERS = (f';charset=utf-8; boundary="{BOUNDARY}"'.encode(),)

names = st.sampled_from(
    [
        "model",
        "n",
        "stream",
        "response_format",
        "purpose",
        "file",
        "image",
        "image[]",
        "mask",
        "prompt",
        "Model",
        "model[]",
    ]
)
# Content made of the beginnings of a boundary is what a search that looks back too little gets wrong.
shards = st.sampled_from([b"\r", b"\n", b"-", b"--", b"\r\n", b"\r\n-", BOUNDARY[:3].encode(), BOUNDARY[:5].encode()])
contents = st.lists(shards | st.binary(max_size=6), max_size=12).map(b"".join)
texts = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=12)
fields = st.builds(field, names.filter(lambda name: name.partition("[")[0] not in {"file", "image", "mask"}), texts)
parts = fields | st.builds(file, names, contents)
forms = st.lists(parts, min_size=1, max_size=6).map(form)


def expected(body: bytes, content_type: str = CONTENT_TYPE) -> dict[str, Any] | None:
    try:
        return reference_forms.facts(body, content_type)
    except reference_forms.FormError:
        return None


def read(body: bytes, cuts: list[int], content_type: str = CONTENT_TYPE) -> dict[str, Any] | None:
    facts = form_facts(body, content_type, cuts)
    assert ("unreadable" in facts) <= (len(facts) == 1)
    return None if "unreadable" in facts else facts


def cuts_of(body: bytes, numbers: list[int]) -> list[int]:
    return sorted(number % (len(body) + 1) for number in numbers)


@given(forms, st.lists(st.integers(min_value=0, max_value=2**20), max_size=6))
def test_a_form_is_read_as_the_reference_reads_it(body: bytes, numbers: list[int]) -> None:
    assert read(body, cuts_of(body, numbers)) == expected(body)


@given(forms)
def test_where_a_form_is_cut_changes_nothing(body: bytes) -> None:
    assert read(body, list(range(1, len(body)))) == read(body, [])


@given(forms)
def test_an_accepted_form_means_the_same_to_a_lenient_reader(body: bytes) -> None:
    facts = read(body, [])
    if facts is None:
        return
    head = f"content-type: {CONTENT_TYPE}\r\n\r\n".encode()
    models = [
        part.get_payload()
        for part in BytesParser(policy=HTTP).parsebytes(head + body).iter_parts()
        if part.get_param("name", header="content-disposition") == "model"
    ]
    assert models == ([facts["model"]] if "model" in facts else [])


@given(forms, st.lists(st.integers(min_value=0, max_value=2**20), max_size=4))
def test_only_the_model_is_replaced(body: bytes, numbers: list[int]) -> None:
    changed = rewritten_form(body, CONTENT_TYPE, "other-model", cuts_of(body, numbers))
    before = expected(body)
    if before is None or "model" not in before:
        assert changed is None
        return
    assert changed is not None
    was, now = (reference_forms.parts(text, CONTENT_TYPE) for text in (body, changed))
    assert [(name, b"other-model" if name == "model" else content) for name, _, content in was] == [
        (name, content) for name, _, content in now
    ]


def test_boundaries_are_read_as_the_reference_reads_them() -> None:
    generator = random.Random(time.time_ns())
    body = form([field("model", "m")])
    end = time.monotonic() + FUZZING_S
    while time.monotonic() < end:
        parameters = mutated(generator, PARAMETERS, FORM_TOKENS).decode("latin-1")
        content_type = f"multipart/form-data{parameters}"
        if parameters.startswith(";") and content_type.isascii():
            assert read(body, [], content_type) == expected(body, content_type), content_type


def test_time_is_linear_in_the_body() -> None:
    def seconds(content: bytes) -> float:
        body = form([field("model", "m"), file("file", content)])
        start = time.perf_counter()
        assert read(body, []) is not None
        return time.perf_counter() - start

    for content in (b"\r\n--7f3e1" * 200_000, b"\r" * 2_000_000, b"-" * 2_000_000):
        assert seconds(content * 4) < 4 * 4 * seconds(content) + 0.5
