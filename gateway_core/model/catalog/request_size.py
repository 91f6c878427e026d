"""How many input tokens a request may have, from the sizes of its parts."""

from typing import Final

from gateway_core.model.catalog.entries import Model
from gateway_core.model.catalog.media import media_rule
from gateway_core.model.endpoints import Endpoint
from gateway_core.model.record_decorator import record

_TOKENS_PER_CHARACTER: Final = 2
"""English has 1.4: about 15 characters and 21 tokens a second."""


@record(frozen=True, slots=True)
class RequestSize:
    """The sizes of the parts of a body. Bytes of media are those of their base64."""

    body_bytes: int
    """The whole body, with its media."""
    prompts: int = 1
    """Prompts of a completion. Each may be as large as the context window."""
    images: int = 0
    """Pictures, those that the provider fetches from a URL included."""
    image_bytes: int = 0
    audio_bytes: int = 0
    documents: int = 0
    document_bytes: int = 0
    remote_documents: int = 0
    """Documents that the provider fetches from a URL."""
    references: int = 0
    """Things that the provider has stored, such as the earlier turns of a conversation, whose size is unknown."""
    referenced_tokens: int = 0
    """The tokens of those whose size is known."""
    characters: int = 0
    """The characters of a text to be spoken."""
    window_tokens: int = 0
    """The context window that a beta flag asks for; 0 for that of the model."""
    ranked_documents: int = 0
    """Documents to rank."""
    query_bytes: int = 0
    """The query by which they are ranked."""

    @property
    def text_bytes(self) -> int:
        """The body without its media."""
        return max(0, self.body_bytes - self.image_bytes - self.audio_bytes - self.document_bytes)

    @property
    def spoken_tokens(self) -> int:
        """The tokens of sound that the text to be spoken is expected to become."""
        return self.characters * _TOKENS_PER_CHARACTER

    @property
    def has_media(self) -> bool:
        """Whether the body has more than text."""
        return bool(self.images or self.audio_bytes or self.documents or self.remote_documents)


def input_bounds_of(
    size: RequestSize | None, body_bytes: int, model: Model, endpoint: Endpoint, bytes_per_token: int
) -> tuple[int, int]:
    """Returns `input_bounds` of a body. Most bodies are one prompt of text, which `size` need not describe."""
    if size is not None:
        return input_bounds(size, model, endpoint, bytes_per_token)
    expected = -(-body_bytes // bytes_per_token)
    if endpoint.embeds:
        return expected, body_bytes
    window = model.context_window_tokens
    return min(expected, window), min(body_bytes, window)


def input_bounds(size: RequestSize, model: Model, endpoint: Endpoint, bytes_per_token: int) -> tuple[int, int]:
    """Returns how many input tokens a request has as a rule, and how many at most.

    Args:
        size: the sizes of its parts. A token of text is at least one byte.
        model: the model called. Neither number exceeds its context window, once for each prompt. An embedding has no
            such bound, because each of its inputs may fill the window.
        endpoint: the operation.
        bytes_per_token: the bytes of a usual token of text.
    """
    expected, maximum = -(-size.text_bytes // bytes_per_token), size.text_bytes
    window = max(model.context_window_tokens, size.window_tokens) * max(1, size.prompts)
    if size.has_media:
        more_expected, more_maximum = _media_bounds(size, model, endpoint, window)
        expected, maximum = expected + more_expected, maximum + more_maximum
    expected, maximum = expected + size.referenced_tokens, maximum + size.referenced_tokens
    if size.references:
        expected, maximum = max(expected, window), max(maximum, window)
    return (expected, maximum) if endpoint.embeds else (min(expected, window), min(maximum, window))


def _media_bounds(size: RequestSize, model: Model, endpoint: Endpoint, window: int) -> tuple[int, int]:
    rule = media_rule(endpoint.dialect, model.upstream_name)
    image_expected, image_maximum = rule.image_tokens(size.images)
    audio_expected, audio_maximum = rule.audio_tokens(size.audio_bytes)
    document_expected = rule.usual_document_tokens(size.documents, size.document_bytes, size.remote_documents)
    document_maximum = window if size.documents or size.remote_documents else 0
    return image_expected + audio_expected + document_expected, image_maximum + audio_maximum + document_maximum
