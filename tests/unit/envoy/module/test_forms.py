"""The facts in a form on which authz_service decides, and the forms that are refused."""

import pytest

from gateway_core.contract.form_faults import FORM_FAULTS
from tests.support.envoy_module import form_facts, rewritten_form
from tests.support.forms import BOUNDARY, CONTENT_TYPE, field, file, form

MODEL = field("model", "whisper-1")
AUDIO = file("file", b"ID3" + bytes(97))
DISPOSITION = b'Content-Disposition: form-data; name="x"'


def fault(body: bytes, content_type: str = CONTENT_TYPE) -> str:
    facts = form_facts(body, content_type)
    assert list(facts) == ["unreadable"], facts
    return str(facts["unreadable"])


def test_what_a_decision_needs_is_extracted() -> None:
    body = form([MODEL, AUDIO, field("response_format", "json"), field("stream", "true"), field("prompt", "abc")])
    assert form_facts(body, CONTENT_TYPE) == {
        "model": "whisper-1", "response_format": "json", "stream": True,
        "audios": 1.0, "audio_bytes": 100.0, "text_bytes": 20.0,
    }  # fmt: skip


def test_the_purpose_of_a_file_is_extracted() -> None:
    facts = form_facts(form([field("purpose", "user_data"), file("file", bytes(10))]), CONTENT_TYPE)
    assert facts == {"purpose": "user_data", "audios": 1.0, "audio_bytes": 10.0, "text_bytes": 9.0}
    assert fault(form([field("purpose", "user_data"), field("purpose", "batch")])) == "repeated_field"
    assert fault(form([field("Purpose", "batch"), field("purpose", "user_data")])) == "misspelled_field"


def test_pictures_and_their_mask_are_counted() -> None:
    pictures = [file("image[]", bytes(10)), file("image[]", bytes(20)), file("mask", bytes(5)), file("image", b"")]
    facts = form_facts(form([*pictures, field("n", "3")]), CONTENT_TYPE)
    assert facts == {"images": 4.0, "image_bytes": 35.0, "n": 3.0, "text_bytes": 1.0}


@pytest.mark.parametrize("value", ["1.0", "+1", "-1", " 1", "1_000", "", "4294967296"])
def test_a_number_in_another_form_stays_a_text(value: str) -> None:
    assert form_facts(form([field("n", value)]), CONTENT_TYPE)["n"] == value


@pytest.mark.parametrize("value", ["True", "1", "", "null"])
def test_a_boolean_in_another_form_stays_a_text(value: str) -> None:
    assert form_facts(form([field("stream", value)]), CONTENT_TYPE)["stream"] == value


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        ("multipart/form-data; boundary=abc", "abc"),
        ('Multipart/Form-Data;charset=UTF-8;Boundary="a b:c"', "a b:c"),
        (
            "multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW",
            "----WebKitFormBoundary7MA4YWxkTrZu0gW",
        ),
        ("multipart/form-data; boundary=" + "b" * 70, "b" * 70),
    ],
)
def test_the_boundaries_of_clients_are_read(content_type: str, boundary: str) -> None:
    assert form_facts(form([MODEL], boundary), content_type)["model"] == "whisper-1"


@pytest.mark.parametrize(
    "parameters",
    ["", ";", "; boundary", "; boundary=", '; boundary="a', "; boundary=a; boundary=b", "; boundary=a\\b", "; boundary=a,b;c",
     '; boundary="a "', "; boundary=" + "b" * 71, "; boundary=a b"],
)  # fmt: skip
def test_a_boundary_that_readers_differ_on_is_refused(parameters: str) -> None:
    assert fault(form([MODEL], "a"), f"multipart/form-data{parameters}") == "bad_boundary"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (form([MODEL, MODEL]), "repeated_field"),
        (form([field("n", "1"), field("n", "2")]), "repeated_field"),
        (form([field("Model", "m")]), "misspelled_field"),
        (form([field("model[]", "m")]), "misspelled_field"),
        (form([file("model", b"m")]), "ambiguous_part"),
        (form([field("model", "m" * 257)]), "long_field"),
        (form([field("model", "gpt\n")]), "unprintable_field"),
        (form([b'content-disposition: form-data; name="x"; name="model"\r\n\r\nm']), "ambiguous_part"),
        (form([b"content-disposition: form-data; name=model\r\n\r\nm"]), "ambiguous_part"),
        (form([b'content-disposition: form-data; name="mod%65l"\r\n\r\nm']), "ambiguous_part"),
        (form([b'content-disposition: form-data; name="mod\\el"\r\n\r\nm']), "ambiguous_part"),
        (form([b"content-disposition: form-data; name*=\"utf-8''model\"\r\n\r\nm"]), "ambiguous_part"),
        (form([b'content-disposition: form-data; filename="a\\"; name="model"\r\n\r\nm']), "ambiguous_part"),
        (form([b'content-disposition: form-data; filename="a\\"; name="file"\r\n\r\nm']), "ambiguous_part"),
        (form([DISPOSITION + b"\r\n" + DISPOSITION + b"\r\n\r\nm"]), "ambiguous_part"),
        (form([DISPOSITION + b"\r\ncontent-transfer-encoding: base64\r\n\r\nm"]), "encoded_part"),
        (form([DISPOSITION + b"\r\n folded: 1\r\n\r\nm"]), "malformed_form"),
        (form([DISPOSITION + b"\n\r\n\r\nm"]), "malformed_form"),
        (form([b'content-disposition: attachment; name="x"\r\n\r\nm']), "malformed_form"),
        (form([b"content-disposition: form-data\r\n\r\nm"]), "unnamed_part"),
        (form([b'content-disposition: form-data; name=""\r\n\r\nm']), "unnamed_part"),
        (form([b"\r\nm"]), "unnamed_part"),
        (form([file("file", b"", "f" * 5_000)]), "long_part_header"),
        (form([field("n" * 129, "1")]), "long_part_header"),
        (form([file("file", f"a\n--{BOUNDARY}\nb".encode())]), "malformed_form"),
        (form([file("file", f"--{BOUNDARY}".encode())]), "malformed_form"),
        (form([field("file", "file-1")]), "nameless_file"),
        (form([field("images[0][image_url]", "https://example.com/a.png")]), "referenced_file"),
        (form([field("image_file_id", "file-1")]), "referenced_file"),
        (form([MODEL]) + b"x", "malformed_form"),
        (b"\r\n" + form([MODEL]), "malformed_form"),
        (b'{"model":"m"}', "malformed_form"),
        (form([MODEL]).replace(b"\r\n", b"\n"), "malformed_form"),
        (form([MODEL])[:-4], "truncated_form"),
        (f"--{BOUNDARY}\r\n".encode(), "truncated_form"),
    ],
)
def test_a_form_that_readers_could_read_differently_is_refused(body: bytes, why: str) -> None:
    assert fault(body) == why
    assert why in FORM_FAULTS


def test_the_model_is_replaced_and_nothing_else() -> None:
    body = form([AUDIO, MODEL, field("prompt", "whisper-1")])
    assert rewritten_form(body, CONTENT_TYPE, "w") == form([AUDIO, field("model", "w"), field("prompt", "whisper-1")])
    assert rewritten_form(form([AUDIO]), CONTENT_TYPE, "w") is None
