"""One module for each family of provider APIs. `dialect_of` finds the one for an endpoint."""

from mock_provider.dialects.anthropic_messages import AnthropicMessages
from mock_provider.dialects.base import Answer, Dialect, Event, Job, RefusalError
from mock_provider.dialects.free_calls import ContentTokens, MessageTokens, OpenaiModerations, ResponseTokens
from mock_provider.dialects.gemini import Gemini
from mock_provider.dialects.gemini_embeddings import GeminiEmbeddings
from mock_provider.dialects.media.openai_audio import OpenaiSpeech, OpenaiTranscriptions, OpenaiTranslations
from mock_provider.dialects.media.openai_images import OpenaiImageEdits, OpenaiImages
from mock_provider.dialects.openai_chat import OpenaiChat, OpenaiCompletions
from mock_provider.dialects.openai_embeddings import OpenaiEmbeddings
from mock_provider.dialects.openai_responses import OpenaiResponses
from mock_provider.dialects.reranking import Reranking
from mock_provider.routes import Endpoint

__all__ = ["Answer", "Dialect", "Event", "Job", "RefusalError", "dialect_of"]

_DIALECTS: dict[Endpoint, Dialect] = {
    Endpoint.CHAT_COMPLETIONS: OpenaiChat(),
    Endpoint.COMPLETIONS: OpenaiCompletions(),
    Endpoint.RESPONSES: OpenaiResponses(),
    Endpoint.EMBEDDINGS: OpenaiEmbeddings(),
    Endpoint.MESSAGES: AnthropicMessages(),
    Endpoint.GENERATE_CONTENT: Gemini(),
    Endpoint.EMBED_CONTENT: GeminiEmbeddings(),
    Endpoint.BATCH_EMBED_CONTENTS: GeminiEmbeddings(),
    Endpoint.IMAGES: OpenaiImages(),
    Endpoint.IMAGE_EDITS: OpenaiImageEdits(),
    Endpoint.TRANSCRIPTIONS: OpenaiTranscriptions(),
    Endpoint.TRANSLATIONS: OpenaiTranslations(),
    Endpoint.SPEECH: OpenaiSpeech(),
    Endpoint.MODERATIONS: OpenaiModerations(),
    Endpoint.RERANK: Reranking(),
    Endpoint.COUNT_MESSAGE_TOKENS: MessageTokens(),
    Endpoint.COUNT_RESPONSE_TOKENS: ResponseTokens(),
    Endpoint.COUNT_CONTENT_TOKENS: ContentTokens(),
}


def dialect_of(endpoint: Endpoint) -> Dialect:
    """Returns the dialect that serves `endpoint`."""
    return _DIALECTS[endpoint]
