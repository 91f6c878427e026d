"""The request lines that are served. Every other one is None, so that no route is unmetered."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_core.contract.path_dialects import dialect_of_path
from gateway_core.model.endpoints import (
    Dialect,
    Endpoint,
    FileUpload,
    Health,
    ModelCall,
    ModelList,
    Route,
    classify,
    upstream_path,
)

POST_PATHS = {
    "/v1/chat/completions": Endpoint.CHAT_COMPLETIONS,
    "/v1/completions": Endpoint.COMPLETIONS,
    "/v1/responses": Endpoint.RESPONSES,
    "/v1/embeddings": Endpoint.EMBEDDINGS,
    "/v1/messages": Endpoint.MESSAGES,
    "/v1/images/generations": Endpoint.IMAGES,
    "/v1/images/edits": Endpoint.IMAGE_EDITS,
    "/v1/audio/transcriptions": Endpoint.TRANSCRIPTIONS,
    "/v1/audio/translations": Endpoint.TRANSLATIONS,
    "/v1/audio/speech": Endpoint.SPEECH,
    "/v1/moderations": Endpoint.MODERATIONS,
    "/v1/rerank": Endpoint.RERANK,
    "/v2/rerank": Endpoint.RERANK_V2,
    "/v1/messages/count_tokens": Endpoint.COUNT_MESSAGE_TOKENS,
    "/v1/responses/input_tokens": Endpoint.COUNT_RESPONSE_TOKENS,
}


@pytest.mark.parametrize(("path", "endpoint"), POST_PATHS.items())
def test_a_post_to_a_path_is_its_operation(path: str, endpoint: Endpoint) -> None:
    assert classify("POST", path, Dialect.OPENAI) == ModelCall(endpoint)


@pytest.mark.parametrize(
    ("path", "model", "streams"),
    [
        ("/v1beta/models/gemini-2.5-pro:generateContent", "gemini-2.5-pro", False),
        ("/v1beta/models/gemini-2.5-pro:streamGenerateContent", "gemini-2.5-pro", True),
        ("/v1beta/models/team%2Fgemini%3Afast:generateContent", "team/gemini:fast", False),
        ("/v1beta/models/%67emini:generateContent", "gemini", False),
        ("/v1/models/gemini-2.5-pro:generateContent", "gemini-2.5-pro", False),
        ("/v1/models/gemini-2.5-pro:streamGenerateContent", "gemini-2.5-pro", True),
    ],
)
def test_gemini_takes_model_and_streaming_from_the_path(path: str, model: str, *, streams: bool) -> None:
    assert classify("POST", path, Dialect.OPENAI) == ModelCall(Endpoint.GENERATE_CONTENT, model, streams)


@pytest.mark.parametrize(
    ("path", "client", "listed"),
    [
        *(("/v1/models", client, ModelList(client, None)) for client in Dialect),
        *(("/v1beta/models", client, ModelList(Dialect.GEMINI, None)) for client in Dialect),
        *(("/v1/models/gpt-5", client, ModelList(client, "gpt-5")) for client in Dialect),
        ("/v1/models/team/gpt-5", Dialect.OPENAI, ModelList(Dialect.OPENAI, "team/gpt-5")),
        ("/v1/models/team%2Fgpt-5", Dialect.ANTHROPIC, ModelList(Dialect.ANTHROPIC, "team/gpt-5")),
        ("/v1beta/models/gemini-2.5-pro", Dialect.ANTHROPIC, ModelList(Dialect.GEMINI, "gemini-2.5-pro")),
    ],
)
def test_a_get_lists_models_in_the_clients_dialect_if_the_path_is_shared(
    path: str, client: Dialect, listed: ModelList
) -> None:
    assert classify("GET", path, client) == listed


@pytest.mark.parametrize(
    ("method", "path", "route"),
    [
        ("POST", "/v1/chat/completions/", ModelCall(Endpoint.CHAT_COMPLETIONS)),
        ("POST", "/v1beta/models/a:generateContent/", ModelCall(Endpoint.GENERATE_CONTENT, "a", path_streams=False)),
        ("POST", "/openai/v1/chat/completions", ModelCall(Endpoint.CHAT_COMPLETIONS)),
        ("POST", "/openai/v1/responses/", ModelCall(Endpoint.RESPONSES)),
        ("POST", "/anthropic/v1/messages", ModelCall(Endpoint.MESSAGES)),
        ("GET", "/v1/models/", ModelList(Dialect.GEMINI, None)),
        ("GET", "/openai/v1/models", ModelList(Dialect.OPENAI, None)),
        ("GET", "/anthropic/v1/models/m", ModelList(Dialect.ANTHROPIC, "m")),
        ("HEAD", "/v1/models", ModelList(Dialect.GEMINI, None)),
        ("GET", "/health", Health()),
        ("HEAD", "/health", Health()),
    ],
)
def test_a_slash_at_the_end_and_a_base_change_nothing_but_the_dialect(method: str, path: str, route: Route) -> None:
    assert classify(method, path, Dialect.GEMINI) == route


@pytest.mark.parametrize("version", ["v1", "v1beta"])
@pytest.mark.parametrize(
    ("verb", "endpoint"),
    [
        ("embedContent", Endpoint.EMBED_CONTENT),
        ("batchEmbedContents", Endpoint.BATCH_EMBED_CONTENTS),
        ("countTokens", Endpoint.COUNT_CONTENT_TOKENS),
    ],
)
def test_gemini_has_other_operations_under_both_versions(version: str, verb: str, endpoint: Endpoint) -> None:
    path = f"/{version}/models/gemini-2.5-pro:{verb}"
    assert classify("POST", path, Dialect.OPENAI) == ModelCall(endpoint, "gemini-2.5-pro", path_streams=False)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/v1",
        "/v1/chat/completions//",
        "/openai/v1/messages",
        "/openai/chat/completions",
        "/anthropic/v1/chat/completions",
        "/anthropic/messages",
        "/openai/anthropic/v1/messages",
        "/openaiv1/chat/completions",
        "/v1/chat/completions/x",
        "/v1/Chat/Completions",
        "/v1//chat/completions",
        "//v1/chat/completions",
        "/v1/../v1/chat/completions",
        "/v1/./chat/completions",
        "/v1/chat%2Fcompletions",
        "/v1/chat/completions;a=b",
        "/v1/chat/completions%00",
        "/v1/chat/completions\n",
        "/v1/chat\\completions",
        "/v2/chat/completions",
        "/v1/images/variations",
        "/v1/audio/voices",
        "/v1/files/file-1",
        "/v1beta/files",
        "/upload/v1beta/files",
        "/v1/batches",
        "/v1/realtime",
        "/v1/responses/resp_1/cancel/x",
        "/v1/messages/count_tokens/x",
        "/v1/messages/batches",
        "/v1/models",
        "/v1beta/models",
        "/v1beta/models/:generateContent",
        "/v1beta/models/a/b:generateContent",
        "/v1beta/models/a:b:generateContent",
        "/v1beta/models/../models/a:generateContent",
        "/v1beta/models/a:generatecontent",
        "/v1beta/models/a:counttokens",
        "/v1beta/models/a:predict",
        "/v1beta/models/a:asyncBatchEmbedContent",
        "/v1beta/models/a:batchGenerateContent",
        "/v1beta/tunedModels/a:generateContent",
        "/v1/models/a/b:generateContent",
        "/v1alpha/models/a:generateContent",
        "http://other.example/v1/chat/completions",
    ],
)
def test_any_other_post_is_not_served(path: str) -> None:
    assert classify("POST", path, Dialect.OPENAI) is None


@pytest.mark.parametrize("path", [*POST_PATHS, "/", "/v1beta/models/a:b", "/v1/files", "/healthz", "/openai/health"])
def test_any_other_get_is_not_served(path: str) -> None:
    assert classify("GET", path, Dialect.OPENAI) is None


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE", "post", "get", ""])
@pytest.mark.parametrize("path", [*POST_PATHS, "/v1/models", "/v1beta/models/a:generateContent"])
def test_no_other_method_is_served(method: str, path: str) -> None:
    assert classify(method, path, Dialect.OPENAI) is None


@given(st.text(max_size=40).map(lambda text: f"/v1/{text}"))
def test_only_the_listed_paths_reach_a_provider(path: str) -> None:
    listed = path.removesuffix("/")
    expected = POST_PATHS.get(listed)
    served = FileUpload(Endpoint.OPENAI_FILES) if listed == "/v1/files" else ModelCall(expected) if expected else None
    assert classify("POST", path, Dialect.OPENAI) == served


@pytest.mark.parametrize(
    ("endpoint", "streams", "path"),
    [
        (Endpoint.CHAT_COMPLETIONS, True, "/base/chat/completions"),
        (Endpoint.COMPLETIONS, False, "/base/completions"),
        (Endpoint.RESPONSES, True, "/base/responses"),
        (Endpoint.EMBEDDINGS, False, "/base/embeddings"),
        (Endpoint.MESSAGES, True, "/base/messages"),
        (Endpoint.GENERATE_CONTENT, False, "/base/models/the-model:generateContent"),
        (Endpoint.GENERATE_CONTENT, True, "/base/models/the-model:streamGenerateContent"),
        (Endpoint.EMBED_CONTENT, False, "/base/models/the-model:embedContent"),
        (Endpoint.BATCH_EMBED_CONTENTS, False, "/base/models/the-model:batchEmbedContents"),
        (Endpoint.IMAGES, True, "/base/images/generations"),
        (Endpoint.IMAGE_EDITS, True, "/base/images/edits"),
        (Endpoint.TRANSCRIPTIONS, True, "/base/audio/transcriptions"),
        (Endpoint.TRANSLATIONS, False, "/base/audio/translations"),
        (Endpoint.SPEECH, False, "/base/audio/speech"),
        (Endpoint.MODERATIONS, False, "/base/moderations"),
        (Endpoint.RERANK, False, "/base/rerank"),
        (Endpoint.COUNT_MESSAGE_TOKENS, False, "/base/messages/count_tokens"),
        (Endpoint.COUNT_RESPONSE_TOKENS, False, "/base/responses/input_tokens"),
        (Endpoint.COUNT_CONTENT_TOKENS, False, "/base/models/the-model:countTokens"),
    ],
)
def test_the_upstream_path_is_made_from_the_operation_not_from_the_request(
    endpoint: Endpoint, path: str, *, streams: bool
) -> None:
    assert upstream_path(endpoint, "/base", "the-model", streams=streams) == path


@pytest.mark.parametrize(
    ("path", "dialect"),
    [
        ("/v1/chat/completions", Dialect.OPENAI),
        ("/v1/messages", Dialect.ANTHROPIC),
        ("/v1/messages/count_tokens", Dialect.ANTHROPIC),
        ("/v1beta/models/a:countTokens", Dialect.GEMINI),
        ("/v1/models/a:generateContent", Dialect.GEMINI),
        ("/v1/models/a", Dialect.OPENAI),
        ("/anything", Dialect.OPENAI),
    ],
)
def test_an_error_is_in_the_dialect_of_its_path(path: str, dialect: Dialect) -> None:
    assert dialect_of_path(path) is dialect


@pytest.mark.parametrize("endpoint", Endpoint)
def test_an_operation_has_its_dialect_and_stream_options(endpoint: Endpoint) -> None:
    expected = {
        Endpoint.MESSAGES: Dialect.ANTHROPIC,
        Endpoint.ANTHROPIC_FILES: Dialect.ANTHROPIC,
        Endpoint.COUNT_MESSAGE_TOKENS: Dialect.ANTHROPIC,
        Endpoint.GENERATE_CONTENT: Dialect.GEMINI,
        Endpoint.EMBED_CONTENT: Dialect.GEMINI,
        Endpoint.BATCH_EMBED_CONTENTS: Dialect.GEMINI,
        Endpoint.COUNT_CONTENT_TOKENS: Dialect.GEMINI,
    }.get(endpoint, Dialect.OPENAI)
    assert endpoint.dialect is expected
    embeddings = {Endpoint.EMBEDDINGS, Endpoint.EMBED_CONTENT, Endpoint.BATCH_EMBED_CONTENTS}
    assert endpoint.embeds == (endpoint in embeddings)
    pictures, audio = (
        {Endpoint.IMAGES, Endpoint.IMAGE_EDITS},
        {Endpoint.TRANSCRIPTIONS, Endpoint.TRANSLATIONS, Endpoint.SPEECH},
    )
    rankings = {Endpoint.RERANK, Endpoint.RERANK_V2}
    assert endpoint.makes_images == (endpoint in pictures)
    assert endpoint.is_audio == (endpoint in audio)
    assert endpoint.ranks == (endpoint in rankings)
    assert endpoint.has_output_tokens == (endpoint not in embeddings | rankings)
    assert endpoint.takes_form == (endpoint in {*audio, *pictures} - {Endpoint.IMAGES, Endpoint.SPEECH})
    without_text = {*embeddings, *pictures, *rankings, Endpoint.SPEECH}
    assert endpoint.writes_text == (endpoint not in without_text and not endpoint.is_free)
    without_streams = {*embeddings, *rankings, Endpoint.TRANSLATIONS}
    assert endpoint.streams == (endpoint not in without_streams and not endpoint.is_free)
    assert endpoint.needs_include_usage == (endpoint in {Endpoint.CHAT_COMPLETIONS, Endpoint.COMPLETIONS})


@pytest.mark.parametrize(
    ("endpoint", "needed"),
    [
        (Endpoint.MESSAGES, Endpoint.MESSAGES),
        (Endpoint.COUNT_MESSAGE_TOKENS, Endpoint.MESSAGES),
        (Endpoint.COUNT_RESPONSE_TOKENS, Endpoint.RESPONSES),
        (Endpoint.COUNT_CONTENT_TOKENS, Endpoint.GENERATE_CONTENT),
        (Endpoint.COUNT_CONTENT_TOKENS, Endpoint.EMBED_CONTENT),
    ],
)
def test_tokens_are_counted_for_models_with_the_operation(endpoint: Endpoint, needed: Endpoint) -> None:
    assert needed in endpoint.offered_with
    assert endpoint.is_free == (endpoint is not needed)


def test_embeddings_of_a_batch_are_offered_with_those_of_one() -> None:
    assert Endpoint.BATCH_EMBED_CONTENTS.offered_with == {Endpoint.EMBED_CONTENT}
    assert not Endpoint.BATCH_EMBED_CONTENTS.is_free


@pytest.mark.parametrize(
    ("streams", "path"),
    [(True, "/base/models/m:streamGenerateContent?alt=sse"), (False, "/base/models/m:generateContent")],
)
def test_only_a_stream_has_a_form(path: str, *, streams: bool) -> None:
    assert upstream_path(Endpoint.GENERATE_CONTENT, "/base", "m", streams=streams, query="alt=sse") == path
