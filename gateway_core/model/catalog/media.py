"""How many tokens a picture, a recording or a document may be, by the rules of the providers.

The gateway knows how many bytes a medium has, and neither its pixels, its seconds nor its pages. So each rule gives two
numbers: what a usual medium of that size takes, and what it takes at most.
"""

from collections.abc import Mapping
from typing import Final

from gateway_core.model.endpoints import Dialect
from gateway_core.model.record_decorator import record

_BASE64_NUMERATOR: Final = 3
_BASE64_DENOMINATOR: Final = 4
_USUAL_BYTES_PER_PAGE: Final = 100_000
_USUAL_REMOTE_PAGES: Final = 10
_USUAL_BYTES_PER_SECOND: Final = 8_000
"""An MP3 of 64 kbit/s. Uncompressed speech has four times as many."""
_LEAST_BYTES_PER_SECOND: Final = 750
"""Opus of 6 kbit/s, the least of any format that a provider takes."""


def audio_seconds(base64_bytes: int) -> tuple[int, int]:
    """Returns the usual and the maximum length of recordings with this many bytes of base64 in total, in seconds.

    A file with fewer bytes a second, such as silence without loss, is longer than the maximum.
    """
    size = _decoded(base64_bytes)
    return -(-size // _USUAL_BYTES_PER_SECOND), -(-size // _LEAST_BYTES_PER_SECOND)


@record(frozen=True, slots=True)
class MediaRule:
    """The tokens of media in one dialect."""

    usual_image_tokens: int
    maximum_image_tokens: int
    usual_page_tokens: int
    tokens_per_second: int

    def image_tokens(self, count: int) -> tuple[int, int]:
        """Returns the usual and the maximum tokens of pictures, whatever their size in bytes."""
        return count * self.usual_image_tokens, count * self.maximum_image_tokens

    def audio_tokens(self, base64_bytes: int) -> tuple[int, int]:
        """Returns the usual and the maximum tokens of recordings with this many bytes of base64 in total."""
        size = _decoded(base64_bytes) * self.tokens_per_second
        return -(-size // _USUAL_BYTES_PER_SECOND), -(-size // _LEAST_BYTES_PER_SECOND)

    def usual_document_tokens(self, count: int, base64_bytes: int, remote_count: int) -> int:
        """Returns the usual tokens of documents. Their pages are unknown, so at most they fill the context window."""
        pages = max(count, -(-_decoded(base64_bytes) // _USUAL_BYTES_PER_PAGE)) + remote_count * _USUAL_REMOTE_PAGES
        return pages * self.usual_page_tokens


_RULES: Final[Mapping[Dialect, MediaRule]] = {
    # Patches of 32 pixels: up to 1,536, and 10,000 at the original size of new models, times 1.2. Tiles of 512 pixels:
    # up to 8, 170 tokens each, and 85 for the whole. One token for 100 ms of speech.
    # https://platform.openai.com/docs/guides/images-vision#calculating-costs
    Dialect.OPENAI: MediaRule(1_536, 12_000, usual_page_tokens=2_000, tokens_per_second=10),
    # Patches of 28 pixels: up to 1,568, and 4,784 on models of high resolution. A page is 1,500 to 3,000 tokens.
    # https://docs.claude.com/en/docs/build-with-claude/vision, .../pdf-support
    Dialect.ANTHROPIC: MediaRule(1_568, 4_784, usual_page_tokens=3_000, tokens_per_second=32),
    # Tiles of 768 pixels, 258 tokens each; later models 1,120, and 2,240 at most. A page is a picture of 258 to 1,120
    # tokens. 32 tokens for a second of sound.
    # https://ai.google.dev/gemini-api/docs/tokens, .../media-resolution
    Dialect.GEMINI: MediaRule(1_120, 4_128, usual_page_tokens=560, tokens_per_second=32),
}
_MANY_TOKENS_A_TILE: Final = ("gpt-4o-mini", MediaRule(25_501, 48_169, usual_page_tokens=26_000, tokens_per_second=10))
"""2,833 tokens and 5,667 for each tile: the price per token is so low that a picture costs what it costs with gpt-4o."""


def media_rule(dialect: Dialect, upstream_name: str) -> MediaRule:
    """Returns the rule of a dialect, for the provider's name of a model."""
    prefix, rule = _MANY_TOKENS_A_TILE
    return rule if upstream_name.rpartition("/")[2].startswith(prefix) else _RULES[dialect]


def encoded_bytes(raw_bytes: int) -> int:
    """Returns how many bytes of base64 a medium takes that a form carries as it is."""
    return -(-raw_bytes * _BASE64_DENOMINATOR // _BASE64_NUMERATOR)


def _decoded(base64_bytes: int) -> int:
    return base64_bytes * _BASE64_NUMERATOR // _BASE64_DENOMINATOR
