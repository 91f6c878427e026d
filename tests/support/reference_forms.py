"""Reads forms as Envoy's module must, in another way: the whole body at once, by splitting it and by regular expressions."""

import re
from typing import Any

_CONTENT_TYPE = re.compile(r"multipart/form-data(?P<rest>[ \t]*(;.*)?)", re.IGNORECASE | re.DOTALL)
_TOKEN = r"[A-Za-z0-9!#$&'*+\-.^_`|~%]+"
_PARAMETER = re.compile(rf'[ \t]*;[ \t]*(?P<name>{_TOKEN})=(?:"(?P<quoted>[^"]*)"|(?P<plain>[^"; \t][^"; \t]*|))')
_BOUNDARY = re.compile(r"[A-Za-z0-9'()+_,\-./:=? ]{0,69}[A-Za-z0-9'()+_,\-./:=?]")
_HEADER = re.compile(rf"(?P<name>{_TOKEN}):(?P<value>.*)", re.DOTALL)
_COUNTED = ("model", "n", "stream", "response_format", "purpose")
_HEADER_BYTES_MAX = 4096
_KINDS = {"file": "audio", "image": "image", "mask": "image"}


class FormError(Exception):
    """The form is refused."""


def _parameters(text: str) -> list[tuple[str, str, bool]] | None:
    found = []
    text = text.rstrip(" \t")
    while text:
        match = _PARAMETER.match(text)
        if match is None:
            return None
        quoted = match["quoted"]
        if quoted is not None and quoted.endswith("\\"):
            return None
        found.append((match["name"].lower(), match["plain"] if quoted is None else quoted, quoted is not None))
        text = text[match.end() :]
        if text and not text.lstrip(" \t").startswith(";"):
            return None
    return found


def _boundary(content_type: str) -> bytes:
    match = _CONTENT_TYPE.fullmatch(content_type)
    assert match is not None
    values = [value for name, value, _ in _parameters(match["rest"]) or [] if name == "boundary"]
    if len(values) != 1 or not _BOUNDARY.fullmatch(values[0]):
        raise FormError
    return values[0].encode()


def parts(body: bytes, content_type: str) -> list[tuple[str, bool, bytes]]:
    """Returns name, whether it is a file, and content of each part.

    Raises:
        FormError: the form is refused.
    """
    dashes = b"--" + _boundary(content_type)
    if not body.startswith(dashes):
        raise FormError
    before, *parts, end = (b"\r\n" + body).split(b"\r\n" + dashes)
    if before or end not in {b"--", b"--\r\n"}:
        raise FormError
    return [_part(text, dashes) for text in parts]


def _part(text: bytes, dashes: bytes) -> tuple[str, bool, bytes]:
    head, end, content = text.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    if lines[0] or not end or dashes in content or len(head) + 2 > _HEADER_BYTES_MAX:
        raise FormError
    found = None
    for line in lines[1:]:
        disposition = _read_header(line.decode("latin-1"))
        if disposition and found:
            raise FormError
        found = disposition or found
    if found is None:
        raise FormError
    return (*found, content)


def _read_header(line: str) -> tuple[str, bool] | None:
    if re.search(r"[\x00-\x08\x0a-\x1f\x7f]", line):
        raise FormError
    match = _HEADER.fullmatch(line)
    if match is None:
        raise FormError
    value = match["value"].strip(" \t")
    kind = match["name"].lower()
    if kind == "content-transfer-encoding" and value.lower() not in {"binary", "8bit", "7bit"}:
        raise FormError
    if kind != "content-disposition":
        return None
    if not value.lower().startswith("form-data"):
        raise FormError
    return _read_disposition(value[len("form-data") :])


def _read_disposition(text: str) -> tuple[str, bool]:
    parameters = _parameters(text)
    if parameters is None:
        raise FormError
    names = [name for name, _, _ in parameters]
    for name, value, is_quoted in parameters:
        if name == "name" and (not is_quoted or set(value) & set("\\%")):
            raise FormError
        if "*" in name and name != "filename*":
            raise FormError
    for name in ("name", "filename", "filename*"):
        if names.count(name) > 1:
            raise FormError
    given = next((value for name, value, _ in parameters if name == "name"), "")
    if not given:
        raise FormError
    if len(given) > 128:
        raise FormError
    return given, "filename" in names or "filename*" in names


def facts(body: bytes, content_type: str) -> dict[str, Any]:
    """Returns the facts of a form.

    Raises:
        FormError: the form is refused.
    """
    values: dict[str, str] = {}
    sizes: dict[str, int] = {}
    counts: dict[str, int] = {}
    for name, is_file, content in parts(body, content_type):
        base = name.partition("[")[0]
        kind = _KINDS.get(base, "text")
        if (kind != "text" and not is_file) or base == "images" or "file_id" in name:
            raise FormError
        counts[kind] = counts.get(kind, 0) + 1
        sizes[kind] = sizes.get(kind, 0) + len(content)
        if base.lower() in _COUNTED:
            values[name] = _counted(name, is_file=is_file, content=content, known=values)
    found: dict[str, Any] = dict(values)
    if "n" in values and re.fullmatch(r"[0-9]+", values["n"]) and int(values["n"]) < 2**32:
        found["n"] = float(values["n"])
    if values.get("stream") in {"true", "false"}:
        found["stream"] = values["stream"] == "true"
    for kind, plural in (("audio", "audios"), ("image", "images")):
        if counts.get(kind):
            found[plural] = float(counts[kind])
    found |= {f"{kind}_bytes": float(size) for kind, size in sizes.items() if size}
    return found


def _counted(name: str, *, is_file: bool, content: bytes, known: dict[str, str]) -> str:
    if name not in _COUNTED:
        raise FormError
    if is_file:
        raise FormError
    if name in known:
        raise FormError
    if len(content) > 256:
        raise FormError
    if re.search(rb"[^\x20-\x7e]", content):
        raise FormError
    return content.decode("ascii")
