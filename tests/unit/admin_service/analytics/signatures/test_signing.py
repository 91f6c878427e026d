"""A signed report is valid for programs that check PDFs, and has the same bytes each time."""

import datetime as dt
import io
from pathlib import Path

import pytest
from pyhanko.keys.internal import translate_pyca_cryptography_cert_to_asn1
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko.sign.validation.status import PdfSignatureStatus, SignatureCoverageLevel
from pyhanko_certvalidator import ValidationContext

from admin_service.analytics.reports.worker import make_pdf
from admin_service.analytics.signatures.keys import SigningKey, load_signing_key
from admin_service.analytics.signatures.signing import sign_pdf
from tests.support.data.sample_reports import sample_report
from tests.support.signing_files import new_key, signing_files_in

NOW = dt.datetime(2026, 12, 1, 9, 30, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def pages() -> bytes:
    return make_pdf(sample_report())


def status_of(signed: bytes, key: SigningKey) -> PdfSignatureStatus:
    (signature,) = PdfFileReader(io.BytesIO(signed)).embedded_signatures
    root = translate_pyca_cryptography_cert_to_asn1(key.certificates[0])
    return validate_pdf_signature(signature, ValidationContext(trust_roots=[root]))


@pytest.mark.parametrize("kind", ["RSA", "elliptic curve", "Ed25519"])
def test_a_signature_is_valid_and_the_same_each_time(pages: bytes, tmp_path: Path, kind: str) -> None:
    """Seen to fail: with the library's own signatures of elliptic curves and ids of documents, each file was another one."""
    key = load_signing_key(signing_files_in(tmp_path, new_key(kind)), NOW)
    signed = sign_pdf(pages, key, NOW)
    assert signed == sign_pdf(pages, key, NOW)
    assert signed.startswith(pages)
    assert len(signed) - len(pages) < 16_000
    status = status_of(signed, key)
    assert status.bottom_line
    assert status.coverage is SignatureCoverageLevel.ENTIRE_FILE
    assert status.signer_reported_dt == NOW


@pytest.mark.parametrize("kind", ["RSA", "elliptic curve", "Ed25519"])
def test_a_signed_report_stays_a_file_of_both_standards(pages: bytes, tmp_path: Path, kind: str) -> None:
    """PDF/A-3 and PDF/UA-1 are PDF 1.7, and want what a signature shows to be out of sight, named, and printed.

    Seen to fail: the library made PDF 2.0 of a file with a signature of an elliptic curve.
    """
    reader = PdfFileReader(
        io.BytesIO(sign_pdf(pages, load_signing_key(signing_files_in(tmp_path, new_key(kind)), NOW), NOW))
    )
    assert "/Version" not in reader.root
    assert [one["/BaseVersion"] for one in reader.root["/Extensions"].values()] == ["/1.7"]
    field = reader.root["/AcroForm"]["/Fields"][0]
    page = field["/P"]
    assert list(map(float, field["/Rect"])) == [0, 0, 0, 0]
    assert field["/F"] & 0b111 == 0b100, "printed, and neither invisible nor hidden"
    assert field["/TU"]
    assert page["/Tabs"] == "/S"


def test_one_altered_byte_of_the_pages_breaks_the_signature(pages: bytes, tmp_path: Path) -> None:
    key = load_signing_key(signing_files_in(tmp_path), NOW)
    signed = sign_pdf(pages, key, NOW)
    at = pages.index(b"stream\n", pages.index(b"application#2Fjson")) + 40
    altered = signed[:at] + bytes([signed[at] ^ 1]) + signed[at + 1 :]
    assert not status_of(altered, key).intact
