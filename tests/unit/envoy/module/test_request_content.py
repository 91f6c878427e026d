"""What a body asks for beyond its text: media, stored things, the provider's tools, and other models."""

import json
from typing import Any

import pytest

from tests.support.envoy_module import request_facts

PICTURE = "iVBORw0KGgo" * 50


def facts(body: dict[str, Any]) -> dict[str, Any]:
    text = json.dumps(body).encode()
    found = request_facts(text)
    assert found is not None
    assert request_facts(text, range(1, len(text))) == found
    found.pop("has_tools", None)  # below
    return found


@pytest.mark.parametrize("tool", [{"name": "f"}, {"type": "function", "function": {"name": "f"}}, {"googleSearch": {}}])
def test_tools_of_any_kind_are_reported(tool: dict[str, Any]) -> None:
    for tools in ([tool], tool):
        found = request_facts(json.dumps({"tools": tools}).encode())
        assert found is not None
        assert found["has_tools"] is True
    assert request_facts(json.dumps({"tools": [], "input": "x"}).encode()) == {"inputs": 1}


def test_compactions_are_reported() -> None:
    assert facts({"context_management": {"edits": [{"type": "compact_20260112"}]}}) == {"has_compaction": True}
    assert facts({"context_management": [{"compact_threshold": 9, "type": "compaction"}]}) == {"has_compaction": True}
    assert facts({"context_management": {"edits": [{"type": "clear_thinking_20251015"}]}}) == {}
    assert facts(blocks({"type": "compaction", "content": "A summary."})) == {}


def blocks(*content: dict[str, Any]) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": list(content)}]}


def response(*content: dict[str, Any]) -> dict[str, Any]:
    return {"input": [{"role": "user", "content": list(content)}]}


def base64_source(media_type: str, data: str = PICTURE) -> dict[str, Any]:
    return {"type": "base64", "media_type": media_type, "data": data}


@pytest.mark.parametrize(
    ("body", "kind", "count", "size"),
    [
        (blocks({"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PICTURE}"}}), "image", 1, 574),
        (response({"type": "input_image", "image_url": f"data:image/jpeg;base64,{PICTURE}"}), "image", 1, 575),
        (blocks({"source": base64_source("image/webp")}, {"source": base64_source("image/gif")}), "image", 2, 1104),
        (blocks({"type": "tool_result", "content": [{"type": "image", "source": base64_source("image/png")}]}), "image", 1, 552),
        (blocks({"source": {"type": "content", "content": [{"source": base64_source("image/png")}]}}), "image", 1, 552),
        (blocks({"type": "document", "source": base64_source("application/pdf")}), "document", 1, 552),
        ({"contents": [{"parts": [{"inlineData": {"data": PICTURE, "mimeType": "image/png"}}]}]}, "image", 1, 552),
        ({"contents": [{"parts": [{"inline_data": {"mime_type": "application/pdf", "data": PICTURE}}]}]}, "document", 1, 552),
        ({"contents": [{"parts": [{"inlineData": {"mimeType": "audio/mp3", "data": PICTURE}}]}]}, "audio", 1, 552),
        (blocks({"type": "input_audio", "input_audio": {"data": PICTURE, "format": "wav"}}), "audio", 1, 552),
        (blocks({"type": "file", "file": {"file_data": f"data:application/pdf;base64,{PICTURE}"}}), "document", 1, 580),
        (response({"type": "input_file", "file_data": f"data:application/pdf;base64,{PICTURE}"}), "document", 1, 580),
    ],
)  # fmt: skip
def test_bytes_of_media_are_counted_by_kind(body: dict[str, Any], kind: str, count: int, size: int) -> None:
    found = facts(body)
    assert found[f"{kind}s"] == count
    assert found[f"{kind}_bytes"] == size


@pytest.mark.parametrize(
    ("modes", "searches"),
    [
        ('"mode":"off","mode":"off"', False),
        ('"mode":"off","mode":"on"', True),
        ('"mode":"on","mode":"off"', True),
        ('"mode":"off","mode":null', True),
        ('"mode":{},"mode":"off"', True),
    ],
)
def test_a_repeated_mode_turns_no_search_off(modes: str, searches: bool) -> None:  # noqa: FBT001
    found = request_facts(f'{{"search_parameters":{{{modes}}}}}'.encode())
    assert found is not None
    assert ("tools" in found) is searches


@pytest.mark.parametrize(
    "body",
    [
        blocks({"type": "text", "text": f"data:image/png;base64,{PICTURE}"}),
        blocks({"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": PICTURE}}),
        blocks({"type": "document", "source": {"type": "text", "media_type": "image/png", "data": PICTURE}}),
        blocks({"type": "file", "file": {"file_data": f"data:text/plain;base64,{PICTURE}"}}),
        blocks({"type": "tool_use", "input": {"source": base64_source("image/png")}}),
        {"contents": [{"parts": [{"inlineData": {"mimeType": "text/csv", "data": PICTURE}}]}]},
        {"contents": [{"parts": [{"functionCall": {"args": {"inlineData": {"mimeType": "image/png", "data": PICTURE}}}}]}]},
        {"tools": [{"name": "t", "input_schema": {"source": base64_source("image/png")}}]},
        {"metadata": {"source": base64_source("image/png")}},
        {"instructions": PICTURE},
    ],
)  # fmt: skip
def test_text_stays_text(body: dict[str, Any]) -> None:
    assert facts(body).keys().isdisjoint({"images", "image_bytes", "documents", "audios"})


@pytest.mark.parametrize(
    ("body", "documents", "query_bytes"),
    [
        ({"query": "Why?", "documents": ["a", "b", "c"]}, 3, 6),
        ({"query": "W\u00e4", "documents": [{"text": "a", "id": "x"}, {"text": ["b"]}]}, 2, 9),
        ({"query": "Why?", "documents": []}, None, 6),
        ({"query": 5, "documents": "a"}, None, None),
        ({"messages": [{"query": "Why?", "documents": ["a"]}]}, None, None),
    ],
)
def test_documents_to_rank_are_counted(body: dict[str, Any], documents: int | None, query_bytes: int | None) -> None:
    found = facts(body)
    assert (found.get("ranked_documents"), found.get("query_bytes")) == (documents, query_bytes)
    assert "references" not in found


def test_documents_to_rank_may_not_hide_references() -> None:
    assert facts({"documents": [{"file_id": "file-1"}]})["references"] == "file:file-1"


def test_media_with_a_repeated_member_stays_text() -> None:
    source = b'{"type":"base64","media_type":"text/plain","media_type":"image/png","data":"AAAA"}'
    assert request_facts(b'{"messages":[{"content":[{"source":' + source + b"}]}]}") == {}


def test_urls_are_counted_by_kind() -> None:
    found = facts(
        blocks(
            {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
            {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
            {"source": {"type": "url", "url": "https://example.com/a.png"}, "type": "image"},
            {"type": "document", "source": {"type": "url", "url": "https://example.com/a.pdf"}},
            {"type": "input_file", "file_url": "https://example.com/a.pdf"},
        )
    )
    assert (found["remote_images"], found["remote_documents"]) == (3, 2)


@pytest.mark.parametrize(
    ("body", "references"),
    [
        ({"previous_response_id": "resp_1"}, "response:resp_1"),
        ({"conversation": "conv_1"}, "conversation:conv_1"),
        ({"conversation": {"id": "conv_1"}}, "conversation:conv_1"),
        ({"prompt": {"id": "pmpt_1", "variables": {"id": "x"}}}, "prompt:pmpt_1"),
        ({"container": "c1"}, "container:c1"),
        ({"container": {"id": "c1", "skills": [{"type": "custom", "skill_id": "skill_1"}]}}, "container:c1\nfile:skill_1"),
        ({"container": {"id": "c1", "skills": [{"type": "anthropic", "skill_id": "pptx"}]}}, "container:c1"),
        ({"tools": [{"type": "collections_search", "collection_ids": ["collection_1"]}]}, "file:collection_1"),
        ({"prompt": {"id": "pmpt_1", "variables": {"v": {"file_id": "file-1"}}}}, "prompt:pmpt_1\nfile:file-1"),
        ({"cachedContent": "cachedContents/1"}, "cached_content:cachedContents/1"),
        ({"cached_content": "cachedContents/1"}, "cached_content:cachedContents/1"),
        (blocks({"type": "file", "file": {"file_id": "file-1"}}), "file:file-1"),
        (blocks({"type": "image", "source": {"type": "file", "file_id": "file-1"}}), "file:file-1"),
        (blocks({"type": "container_upload", "file_id": "file-1"}), "file:file-1"),
        ({"input": [{"content": [{"type": "input_image", "file_id": "file-1"}]}]}, "file:file-1"),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "item:msg_1"),
        ({"input": [{"id": "msg_1"}]}, "item:msg_1"),
        ({"input": [{"type": "reasoning", "id": "rs_1", "summary": []}]}, "item:rs_1"),
        ({"input": [{"type": "reasoning", "id": "rs_1", "encrypted_content": ""}]}, "item:rs_1"),
        ({"input": [{"type": "image_generation_call", "id": "ig_1"}]}, "item:ig_1"),
        ({"input": [{"type": "file_search_call", "id": "fs_1", "queries": ["q"]}]}, "item:fs_1"),
        ({"messages": [{"role": "assistant", "audio": {"id": "audio_1"}}]}, "audio:audio_1"),
        ({"contents": [{"parts": [{"fileData": {"fileUri": "https://generativelanguage.googleapis.com/v1beta/files/f"}}]}]},
         "file:https://generativelanguage.googleapis.com/v1beta/files/f"),
        ({"tools": [{"type": "file_search", "vector_store_ids": ["vs_1", "vs_2"]}]}, "file:vs_1\nfile:vs_2"),
        ({"tools": [{"type": "code_interpreter", "container": {"type": "auto", "file_ids": ["file-1"]}}]}, "file:file-1"),
        ({"tools": [{"type": "code_interpreter", "container": "cntr_1"}]}, "container:cntr_1"),
        ({"tools": [{"fileSearch": {"fileSearchStoreNames": ["fileSearchStores/1"]}}]}, "file:fileSearchStores/1"),
    ],
)  # fmt: skip
def test_references_to_stored_things_are_listed(body: dict[str, Any], references: str) -> None:
    assert facts(body)["references"] == references


def test_an_item_that_is_complete_is_no_reference() -> None:
    items = [
        {"type": "reasoning", "id": "rs_1", "encrypted_content": "c2VjcmV0"},
        {"role": "assistant", "id": "msg_1", "content": "x"},
        {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "f", "arguments": "{}"},
    ]
    assert "references" not in facts({"input": items})


@pytest.mark.parametrize(
    ("item", "references"),
    [
        ('"id":"a","id":"b","type":"message"', "item:a"),
        ('"id":"a","id":"b","type":"item_reference"', "item:a\nitem:b"),
        ('"id":"a","type":"item_reference","type":"message"', "item:a"),
        ('"id":"a","type":"reasoning","encrypted_content":"x","encrypted_content":null', "item:a"),
        ('"id":"a","type":"reasoning","encrypted_content":"","encrypted_content":"x"', "item:a"),
        ('"type":"message","content":[{"file_id":"f","file_id":"g"}]', "file:f\nfile:g"),
        ('"type":"message","content":[{"file_ids":"f"}]', "file:f"),
    ],
)
def test_a_repeated_key_hides_no_reference(item: str, references: str) -> None:
    found = request_facts(f'{{"input":[{{{item}}}],"tools":[{{"vector_store_ids":"vs_1"}}]}}'.encode())
    assert found is not None
    assert found["references"] == f"{references}\nfile:vs_1"


def test_a_long_conversation_may_name_a_thousand_items() -> None:
    items = [{"type": "item_reference", "id": f"msg_{number}"} for number in range(1_025)]
    named = request_facts(json.dumps({"input": items[:-1]}).encode())
    assert named is not None
    assert len(named["references"].split("\n")) == 1_024
    excessive = request_facts(json.dumps({"input": items}).encode())
    assert excessive is not None
    assert excessive["is_excessive"] is True


@pytest.mark.parametrize(
    ("body", "tools"),
    [
        ({"tools": [{"type": "function"}, {"type": "custom"}, {"name": "mine", "input_schema": {"type": "object"}}]}, None),
        ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "web_search_20250305"),
        ({"tools": [{"type": "web_search"}, {"type": "web_search"}, {"type": "mcp"}]}, "web_search\nmcp"),
        ({"tools": [{"type": "namespace", "tools": [{"type": "code_interpreter"}]}]}, "namespace\ncode_interpreter"),
        ({"tools": [{"functionDeclarations": [{"name": "f"}]}]}, None),
        ({"tools": [{"googleSearch": {}}, {"code_execution": {}, "urlContext": {}}]}, "googleSearch\ncode_execution\nurlContext"),
        ({"web_search_options": {}}, "web_search_options"),
        ({"web_search_options": None}, None),
        ({"search_parameters": {"mode": "auto"}}, "search_parameters"),
        ({"search_parameters": {}}, "search_parameters"),
        ({"search_parameters": {"mode": None}}, "search_parameters"),
        ({"search_parameters": {"mode": "off"}}, None),
        ({"search_parameters": {"mode": "off", "sources": [{"type": "web", "mode": "on"}]}}, None),
        ({"search_parameters": {"sources": [{"mode": "off"}]}}, "search_parameters"),
        ({"search_parameters": [{"mode": "off"}]}, "search_parameters"),
        ({"tools": [{"name": "mine", "input_schema": {}, "cache_control": {"type": "ephemeral"}}]}, None),
        ({"mcp_servers": [{"type": "url", "url": "https://example.com"}]}, "mcp_servers"),
        ({"mcp_servers": []}, None),
        ({"tools": {"googleMaps": {}}}, "googleMaps"),
        ({"tools": {"type": "web_search"}}, "web_search"),
        ({"tools": {"functionDeclarations": [{"name": "f"}]}}, None),
    ],
)  # fmt: skip
def test_tools_that_the_provider_runs_are_listed(body: dict[str, Any], tools: str | None) -> None:
    assert facts(body).get("tools") == tools


@pytest.mark.parametrize(
    ("container", "tools"),
    [
        ({"type": "auto", "memory_limit": "4g"}, "memory_limit:4g\ncode_interpreter"),
        ({"memory_limit": "64G", "type": "auto"}, "memory_limit:64G\ncode_interpreter"),
        ({"type": "auto", "memory_limit": "1g"}, "code_interpreter"),
        ({"type": "auto", "memory_limit": None}, "code_interpreter"),
    ],
)
def test_a_larger_container_is_listed(container: dict[str, Any], tools: str) -> None:
    """Seen to fail: a container of 64 GB cost the fee of 1 GB."""
    assert facts({"tools": [{"container": container, "type": "code_interpreter"}]})["tools"] == tools


@pytest.mark.parametrize("key", ["responseModalities", "response_modalities"])
@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("AUDIO", "audio_output"),
        ("image", "image_output"),
        ([3], "audio_output"),
        ([1, 2], "image_output"),
        (3, "audio_output"),
    ],
)
def test_modalities_are_read_in_every_form_that_google_reads(key: str, value: object, found: str) -> None:
    assert facts({"generationConfig": {key: value}}) == {found: True}


def test_a_picture_without_its_type_is_a_picture() -> None:
    found = facts(blocks({"type": "image_url", "image_url": {"url": f"data:;base64,{PICTURE}"}}))
    assert (found["images"], found["image_bytes"]) == (1, 565)


@pytest.mark.parametrize(
    "body",
    [
        {"fallbacks": [{"model": "dear"}]},
        {"fallbacks": ["dear"]},
        {"models": ["dear"]},
        {"fallback_model": "dear"},
        {"tools": [{"type": "advisor_20260301", "name": "advisor", "model": "dear"}]},
        {"tools": [{"type": "image_generation", "model": "dear"}]},
        {"router": {"candidates": [{"model": "dear"}]}},
        {"routing": {"fallback_models": ["dear"]}},
    ],
)
def test_every_model_that_a_body_names_is_listed(body: dict[str, Any]) -> None:
    assert facts({"model": "cheap", **body})["models"] == "dear"


def test_a_model_in_labels_schemas_or_text_is_not_listed() -> None:
    body = {
        "metadata": {"model": "x"},
        "tools": [{"type": "function", "function": {"parameters": {"model": "x"}}}],
        "messages": [{"role": "user", "content": "x", "model": "x"}],
        "response_format": {"json_schema": {"model": "x"}},
    }
    assert "models" not in facts(body)


@pytest.mark.parametrize(
    ("prompt", "count"),
    [("a", 1), (["a", "b", "c"], 3), ([[1, 2], [3]], 2), ([1, 2, 3], 1), ([], None), (None, None)],
)
def test_prompts_and_inputs_are_counted(prompt: object, count: int | None) -> None:
    assert facts({"prompt": prompt}).get("prompts") == count
    assert facts({"input": prompt}).get("inputs") == count


def test_parameters_of_the_price_are_listed() -> None:
    assert facts({"speed": "fast", "inference_geo": "us", "serviceTier": "flex"}) == {
        "speed": "fast",
        "inference_geo": "us",
        "service_tier": "flex",
    }
    assert facts({"thinking": {"type": "enabled", "budget_tokens": 500}}) == {"thinking_budget": 500}
    config = {"thinkingConfig": {"thinkingBudget": 9}, "responseModalities": ["TEXT", "IMAGE"]}
    assert facts({"generationConfig": config}) == {"thinking_budget": 9, "image_output": True}
    assert facts({"modalities": ["text", "audio"]}) == {"audio_output": True}
    assert facts(blocks({"type": "text", "cache_control": {"type": "ephemeral"}})) == {"has_cache_control": True}


@pytest.mark.parametrize(
    "body",
    [
        {"models": [f"m{number}" for number in range(33)]},
        {"previous_response_id": "x" * 257},
        {"previous_response_id": "x\nresponse:mine"},
        {"fallbacks": [{"model": "x" * 9000}]},
    ],
)
def test_a_list_beyond_its_bound_is_reported(body: dict[str, Any]) -> None:
    assert facts(body)["is_excessive"] is True


def test_a_number_that_decides_nothing_may_have_any_size() -> None:
    body = b'{"model":"m","tools":[{"name":"t","input_schema":{"maximum":18446744073709551615,"x":1e999}}]}'
    assert request_facts(body) == {"model": "m", "has_tools": True}
    assert request_facts(b'{"max_tokens":18446744073709551615}') is None
    assert request_facts(b'{"max_tokens":1e999}') is None
