"""Names of stored objects, their refusals, and their sizes."""

import pytest

from gateway_core.model.calls.stored_objects import (
    ObjectKind,
    ObjectName,
    StoredObject,
    name_of,
    named,
    refuse_unknown,
    with_known_tokens,
)
from gateway_core.model.catalog.request_size import RequestSize
from gateway_core.model.endpoints import Dialect


def test_a_name_is_a_kind_and_an_id() -> None:
    assert named(["response:resp_1", "item:a:b"]) == (
        ObjectName(ObjectKind.RESPONSE, "resp_1"),
        ObjectName(ObjectKind.ITEM, "a:b"),
    )


@pytest.mark.parametrize(
    "uri", ["files/f", "https://generativelanguage.googleapis.com/v1beta/files/f", "https://elsewhere.example/files/f"]
)
def test_a_file_of_gemini_has_one_name(uri: str) -> None:
    assert name_of("file", uri).object_id == "files/f"


def test_an_unknown_kind_is_an_error() -> None:
    with pytest.raises(ValueError, match="nonsense"):
        named(["nonsense:x"])


@pytest.mark.parametrize(
    ("name", "dialect", "code", "parameter"),
    [
        ("response:resp_1", Dialect.OPENAI, "previous_response_not_found", "previous_response_id"),
        ("item:rs_1", Dialect.OPENAI, "stored_object_not_found", "input"),
        ("file:vs_1", Dialect.OPENAI, "stored_object_not_found", "vector_store_ids"),
        ("file:file-1", Dialect.ANTHROPIC, "stored_object_not_found", "file_id"),
        ("file:files/1", Dialect.GEMINI, "stored_object_not_found", "fileData"),
        ("cached_content:cachedContents/1", Dialect.GEMINI, "stored_object_not_found", "cachedContent"),
        ("prompt:pmpt_1", Dialect.OPENAI, "stored_object_not_found", "prompt"),
    ],
)
def test_a_refusal_names_the_parameter(name: str, dialect: Dialect, code: str, parameter: str) -> None:
    refusal = refuse_unknown(named([name])[0], dialect)
    assert (refusal.status, refusal.reason, refusal.parameter) == (404, code, parameter)
    assert name.partition(":")[2] in refusal.message


def stored(kind: ObjectKind, identifier: str, tokens: int | None, response: str | None = None) -> StoredObject:
    return StoredObject(ObjectName(kind, identifier), "openai", response, "gpt", tokens)


def sized(*objects: StoredObject, model: str = "gpt") -> RequestSize:
    known = {one.name: one for one in objects}
    return with_known_tokens(RequestSize(100, references=len(objects)), known, model)


def test_the_tokens_of_responses_add_up() -> None:
    size = sized(stored(ObjectKind.RESPONSE, "a", 10, "a"), stored(ObjectKind.RESPONSE, "b", 5, "b"))
    assert (size.references, size.referenced_tokens) == (0, 15)


def test_the_items_of_one_response_count_once() -> None:
    items = [stored(ObjectKind.ITEM, f"msg_{number}", 10, "a") for number in range(3)]
    assert sized(*items, stored(ObjectKind.ITEM, "msg_9", 7, "b")).referenced_tokens == 17


def test_what_another_model_counted_is_unknown() -> None:
    size = sized(stored(ObjectKind.RESPONSE, "a", 10, "a"), model="other")
    assert (size.references, size.referenced_tokens) == (1, 0)


def test_the_size_of_an_object_without_a_count_is_unknown() -> None:
    assert sized(stored(ObjectKind.FILE, "f", None)).references == 1
