"""What is in a PDF."""

import re
import zlib

_STREAM = re.compile(rb"<<([^\n]*)>>\nstream\n(.*?)\nendstream", re.DOTALL)


def streams(pdf: bytes) -> list[tuple[bytes, bytes]]:
    """Returns the dictionaries and the contents of the streams that are compressed."""
    return [(head, zlib.decompress(body)) for head, body in _STREAM.findall(pdf) if b"/Filter/FlateDecode" in head]


def families(pdf: bytes) -> set[str]:
    """Returns the names of the fonts."""
    return {name.decode().removesuffix("-Identity-H") for name in re.findall(rb"/BaseFont/[A-Z]{6}\+([\w-]+)", pdf)}


def attachment(pdf: bytes, name: str) -> bytes:
    """Returns a file that is attached."""
    (number,) = re.findall(rb"/UF\(" + re.escape(name.encode()) + rb"\)/EF<</F (\d+) 0 R", pdf)
    start = pdf.index(b"\n" + number + b" 0 obj\n")
    found = _STREAM.search(pdf, start)
    assert found
    return zlib.decompress(found[2])
