"""Tags: names and values that callers attach to a call, such as `project=search`. Analytics divides usage by them. Pure."""

import re
import unicodedata
from collections.abc import Iterable
from typing import Final
from urllib.parse import unquote_to_bytes

Tags = tuple[tuple[str, str], ...]
"""Names in lower case with their values, by name. No name is there twice."""

MAX_TAGS: Final = 5
MAX_BYTES: Final = 64
"""Of a name, and of a value in UTF-8."""
_MAX_HEADER_BYTES: Final = 4_096
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_NOT_ENCODED: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_SPACES: Final = b" \t"
_UNPRINTABLE: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})


class TagsError(ValueError):
    """Tags are not as they must be. The message says what is wrong, in words that follow a name, such as `must have ...`."""


def read_tags(header_lines: Iterable[bytes]) -> Tags:
    """Reads the tags of a call from the values of its header lines, each `name=value,name=value`.

    Raises:
        TagsError: they are malformed, too many or too long.
    """
    # Several lines of a header are one list (RFC 9110, section 5.3).
    lines = [line for line in header_lines if line.strip(_SPACES)]
    if sum(map(len, lines)) > _MAX_HEADER_BYTES:
        raise TagsError(f"must have at most {_MAX_HEADER_BYTES} bytes")
    pairs = b",".join(lines).split(b",") if lines else []
    if len(pairs) > MAX_TAGS:
        raise TagsError(f"must have at most {MAX_TAGS} tags. Write a comma in a value as %2C")
    tags: dict[str, str] = {}
    for pair in pairs:
        name, value = _read_pair(pair)
        if name in tags:
            raise TagsError(f"names {name!r} twice")
        tags[name] = value
    return tuple(sorted(tags.items()))


def tag_name(text: str) -> str:
    """Returns the name of a tag as it is stored.

    Raises:
        TagsError: it is no name of a tag.
    """
    name = text.lower() if text.isascii() else text
    if not _NAME.fullmatch(name):
        raise TagsError(
            f"must have names of 1 to {MAX_BYTES} letters (a to z), digits, '.', '_' and '-' that begin with a letter or a digit"
        )
    return name


def tag_value(text: str) -> str:
    """Returns the value of a tag as it is stored: in normalization form C.

    Raises:
        TagsError: it is no value of a tag.
    """
    value = text if text.isascii() else unicodedata.normalize("NFC", text)
    if not value or len(value.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise TagsError(f"must have values of 1 to {MAX_BYTES} bytes in UTF-8")
    if any(unicodedata.category(character) in _UNPRINTABLE for character in value):
        raise TagsError("must have no control characters in values")
    return value


def _read_pair(pair: bytes) -> tuple[str, str]:
    name, equals, value = pair.partition(b"=")
    if not equals:
        raise TagsError("must be name=value pairs with commas between them, such as project=search,env=test")
    value = value.strip(_SPACES)
    if _NOT_ENCODED.search(value):
        raise TagsError("must have two hexadecimal digits after every %. Write the character % as %25")
    try:
        text = unquote_to_bytes(value).decode()
    except UnicodeDecodeError as error:
        raise TagsError("must have values in UTF-8") from error
    return tag_name(name.strip(_SPACES).decode("latin-1")), tag_value(text)
