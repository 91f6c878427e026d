"""What a body needs of the model that serves it, and how large it is."""

from typing import Final

from gateway_core.model.capabilities import Capability
from gateway_core.model.catalog.media import media_rule
from gateway_core.model.catalog.request_size import RequestSize
from gateway_core.model.endpoints import Endpoint
from gateway_core.model.record_decorator import record

USUAL_BYTES_PER_TOKEN: Final = 4

NO_NEEDS: Final[frozenset[Capability]] = frozenset()
# Looked up once, because Python 3.11 finds members of enumerations slowly.
_VISION, _AUDIO, _FILES, _TOOLS, _REASONING = (
    Capability.VISION,
    Capability.AUDIO,
    Capability.FILES,
    Capability.TOOLS,
    Capability.REASONING,
)


def needs_of(size: RequestSize | None, *, has_tools: bool, thinks: bool) -> frozenset[Capability]:
    """Returns what the model must be able to do.

    Args:
        size: the sizes of the parts of the body; None if it is one prompt of text.
        has_tools: whether the body has tools of any kind.
        thinks: whether the body asks for thinking.
    """
    if size is None and not has_tools and not thinks:
        return NO_NEEDS
    needs = set()
    if size is not None:
        if size.images:
            needs.add(_VISION)
        if size.audio_bytes:
            needs.add(_AUDIO)
        if size.documents or size.remote_documents:
            needs.add(_FILES)
    if has_tools:
        needs.add(_TOOLS)
    if thinks:
        needs.add(_REASONING)
    return frozenset(needs)


def text_tokens(body_bytes: int, size: RequestSize | None) -> tuple[int, int]:
    """Returns how many input tokens a body of text has as a rule, and how many at most: a token is at least one byte.

    Args:
        body_bytes: its size.
        size: the sizes of its parts; None if it is one prompt.
    """
    if size is None:
        return -(-body_bytes // USUAL_BYTES_PER_TOKEN), body_bytes
    most = size.text_bytes
    return -(-most // USUAL_BYTES_PER_TOKEN) + size.referenced_tokens, most + size.referenced_tokens


@record(frozen=True, slots=True)
class Body:
    """How large a body is."""

    endpoint: Endpoint
    body_bytes: int
    size: RequestSize | None = None
    """The sizes of its parts; None if it is one prompt of text."""

    def input_tokens(self, upstream_name: str) -> tuple[int, int]:
        """Returns how many input tokens it has as a rule, and how many at most, for a model by its provider's name.

        A token of text is at least one byte. Documents count as what they usually have, because at most they fill any window.
        """
        size = self.size
        if size is None or not size.has_media:
            return text_tokens(self.body_bytes, size)
        expected, most = -(-size.text_bytes // USUAL_BYTES_PER_TOKEN), size.text_bytes
        rule = media_rule(self.endpoint.dialect, upstream_name)
        images, most_images = rule.image_tokens(size.images)
        audio, most_audio = rule.audio_tokens(size.audio_bytes)
        documents = rule.usual_document_tokens(size.documents, size.document_bytes, size.remote_documents)
        both = documents + size.referenced_tokens
        return expected + images + audio + both, most + most_images + most_audio + both
