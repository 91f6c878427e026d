"""Reads the data that is attached to a usage report."""

import re
import zlib
from typing import Final

NAME: Final = "report.json"
MAX_BYTES: Final = 3_500_000
"""The most that the data may have; the API takes no more."""
_OBJECT: Final = re.compile(rb"/UF\(report\.json\)/EF<</F (\d{1,9}) 0 R")
_STREAM: Final = re.compile(rb" 0 obj\n<<[^\n]{0,500}/Type/EmbeddedFile/Filter/FlateDecode[^\n]{0,500}>>\nstream\n")


_FIRST_END: Final = re.compile(rb"\nstartxref\n\d{1,10}\n%%EOF")


class NoDataError(ValueError):
    """The file has no data of a report where reports have it."""


def pages_without_signature(pdf: bytes) -> bytes | None:
    """Returns what is before the signature of a usage report; None if nothing follows its pages, so it has no signature."""
    end = _FIRST_END.search(pdf)
    return pdf[: end.end()] if end is not None and end.end() < len(pdf) else None


def attached_data(pdf: bytes) -> bytes:
    """Returns the file `report.json` of a usage report as MegaRouter writes it.

    Raises:
        NoDataError: it is not there. Programs that save a PDF again often move or drop it.
    """
    numbers = _OBJECT.findall(pdf)
    if not pdf.startswith(b"%PDF-") or len(numbers) != 1:
        raise NoDataError(f"it has no {NAME} where a usage report has it")
    start = pdf.find(b"\n" + numbers[0] + b" 0 obj\n")
    stream = _STREAM.match(pdf, start + 1 + len(numbers[0])) if start >= 0 else None
    if stream is None:
        raise NoDataError(f"its {NAME} cannot be found")
    decompressor = zlib.decompressobj()
    try:
        data = decompressor.decompress(pdf[stream.end() :], MAX_BYTES + 1)
    except zlib.error:
        raise NoDataError(f"its {NAME} cannot be read, so the file was altered or damaged") from None
    if not decompressor.eof:
        raise NoDataError(f"its {NAME} is not complete, or has more than {MAX_BYTES:,} bytes")
    return data
