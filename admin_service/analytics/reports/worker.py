"""The process that makes one PDF: reads the canonical form of a report on its standard input, and writes the PDF to its output.

It limits itself, so that no report can take the memory or the processor of the service.
"""

import datetime as dt
import json
import resource
import sys
from pathlib import Path
from typing import Final

import typst

from admin_service.analytics.reports.attachments import DATA_FILE, csv_files
from admin_service.analytics.reports.glyphs import FONTS
from admin_service.analytics.reports.page_texts import page_texts
from admin_service.analytics.reports.report import MAX_BYTES, Report, parse_report
from admin_service.analytics.signatures.keys import SigningFiles, load_signing_key

_TEMPLATE: Final = Path(__file__).with_name("report.typ")


class PagesError(Exception):
    """The compiler refused the pages, or warned of something. The message says of what."""


def main() -> None:
    """Makes the PDF.

    The arguments are the most memory, in bytes, the most time of the processor, in seconds, and perhaps the files of a key and its
    certificate to sign with. The output begins with a line that has the number of bytes without the signature.
    """
    memory_bytes, processor_s = map(int, sys.argv[1:3])
    files = list(map(Path, sys.argv[3:]))
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (processor_s, processor_s))
    report = parse_report(sys.stdin.buffer.read(MAX_BYTES + 1))
    pdf = make_pdf(report)
    signed = pdf if not files else _signed(pdf, report, SigningFiles(*files))
    sys.stdout.buffer.write(b"%d\n" % len(pdf))
    sys.stdout.buffer.write(signed)


def _signed(pdf: bytes, report: Report, files: SigningFiles) -> bytes:
    # Only reports that are signed need it, and it takes a third of a second.
    from admin_service.analytics.signatures.signing import sign_pdf  # noqa: PLC0415

    return sign_pdf(pdf, load_signing_key(files, dt.datetime.now(dt.UTC)), report.read_time.replace(microsecond=0))


def make_pdf(report: Report) -> bytes:
    """Returns the report as PDF/A-3a and PDF/UA-1. The same report gives the same bytes.

    Raises:
        PagesError: the compiler refused the pages or warned, which is a fault of the template.
    """
    files = [{"name": DATA_FILE, "text": report.canonical().decode()}]
    files += [{"name": name, "text": text} for name, text in csv_files(report).items()]
    compiler = typst.Compiler(
        input=_TEMPLATE,
        root=_TEMPLATE.parent,
        font_paths=typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[FONTS]),
        sys_inputs={"texts": json.dumps(page_texts(report)), "files": json.dumps(files)},
    )
    try:
        time = report.read_time.replace(microsecond=0)
        pdf, warnings = compiler.compile_with_warnings(format="pdf", pdf_standards=["a-3a", "ua-1"], timestamp=time)
    except typst.TypstError as error:
        raise PagesError(error.message) from error
    if warnings:
        raise PagesError("; ".join(warning.message for warning in warnings))
    if not isinstance(pdf, bytes):
        raise PagesError("the compiler returned no file")
    return pdf


if __name__ == "__main__":
    main()
