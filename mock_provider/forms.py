"""Reads `multipart/form-data` (RFC 7578) as strictly as a provider may."""

import re

from mock_provider.dialects.base import FormFile, RefusalError

_CONTENT_TYPE = re.compile(r'multipart/form-data;\s*boundary=(?:"([^"]+)"|([^";\s]+))', re.IGNORECASE)
_DISPOSITION = re.compile(r'content-disposition: form-data; name="([^"]+)"(?:; filename="([^"]*)")?', re.IGNORECASE)


def is_form(content_type: str) -> bool:
    """Returns whether a body is a form."""
    return content_type.lower().startswith("multipart/")


def read_form(content_type: str, body: bytes) -> dict[str, object]:
    """Returns texts and files by name, as a list if a name ends with `[]`. Raises RefusalError."""
    match = _CONTENT_TYPE.fullmatch(content_type)
    if match is None:
        raise RefusalError("Could not parse the boundary of the multipart form")
    before, *parts, end = (b"\r\n" + body).split(b"\r\n--" + (match[1] or match[2]).encode())
    if before or end not in {b"--", b"--\r\n"}:
        raise RefusalError("Could not parse the multipart form")
    fields: dict[str, object] = {}
    for part in parts:
        name, value = _read_part(part)
        if name.endswith("[]"):
            listed = fields.setdefault(name[:-2], [])
            if not isinstance(listed, list):
                raise RefusalError(f"{name}: sent as a list and as a value", parameter=name)
            listed.append(value)
        elif name in fields:
            raise RefusalError(f"{name}: sent twice", parameter=name)
        else:
            fields[name] = value
    return fields


def _read_part(part: bytes) -> tuple[str, object]:
    head, separator, content = part.partition(b"\r\n\r\n")
    matches = [match for line in head.decode("latin-1").split("\r\n") if (match := _DISPOSITION.fullmatch(line))]
    if not separator or len(matches) != 1:
        raise RefusalError("Could not parse a part of the multipart form")
    name, filename = matches[0].groups()
    if filename is not None:
        return name, FormFile(filename, content)
    try:
        return name, content.decode()
    except UnicodeDecodeError as error:
        raise RefusalError(f"{name}: expected a text", parameter=name) from error
