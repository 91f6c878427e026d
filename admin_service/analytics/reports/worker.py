"""The process that makes one PDF: reads the canonical form of a report on its standard input, and writes the PDF to its output.

It limits itself, so that no report can take the memory or the processor of the service.
"""

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

_TEMPLATE: Final = Path(__file__).with_name("report.typ")


class PagesError(Exception):
    """The compiler refused the pages, or warned of something. The message says of what."""


def main() -> None:
    """Makes the PDF. The arguments are the most memory, in bytes, and the most time of the processor, in seconds."""
    memory_bytes, processor_s = map(int, sys.argv[1:])
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (processor_s, processor_s))
    sys.stdout.buffer.write(make_pdf(parse_report(sys.stdin.buffer.read(MAX_BYTES + 1))))


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
