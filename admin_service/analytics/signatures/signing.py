"""Adds a signature to a PDF. The same file, key and time give the same bytes.

The signature follows PAdES and covers the whole file. It is appended, so the file before it stays as it was.
"""

import asyncio
import datetime as dt
import hashlib
import io
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from pyhanko.keys.internal import (
    translate_pyca_cryptography_cert_to_asn1,
    translate_pyca_cryptography_key_to_asn1,
)
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.extensions import DeveloperExtension
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import SigFieldSpec, SigSeedSubFilter
from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner, SimpleSigner
from pyhanko.sign.signers.pdf_cms import PdfCMSSignedAttributes
from pyhanko_certvalidator.registry import SimpleCertificateStore
from typing_extensions import override

from admin_service.analytics.signatures.keys import SigningKey

_FIELD: Final = "Signature"
_ID_BYTES: Final = 16
_VERSION: Final = "/1.7"


def sign_pdf(pdf: bytes, key: SigningKey, time: dt.datetime) -> bytes:
    """Returns the PDF with a signature.

    Args:
        pdf: without a signature.
        key: whose it is.
        time: of the signature. The file says it; no authority of time vouches for it.
    """
    return asyncio.run(_signed(pdf, key, time))


async def _signed(pdf: bytes, key: SigningKey, time: dt.datetime) -> bytes:
    writer = _Appending(pdf)
    # RFC 8419 wants SHA-512 with Ed25519.
    digest_name = "sha512" if isinstance(key.key, ed25519.Ed25519PrivateKey) else "sha256"
    metadata = PdfSignatureMetadata(field_name=_FIELD, md_algorithm=digest_name, subfilter=SigSeedSubFilter.PADES)
    field = SigFieldSpec(_FIELD, readable_field_name="Signature of the report")
    session = PdfSigner(metadata, _signer(key), new_field_spec=field).init_signing_session(writer)
    session.system_time = time
    validation = await session.perform_presign_validation(writer)
    size = await session.estimate_signature_container_size(validation)
    document = session.prepare_tbs_document(validation_info=validation, bytes_reserved=size)
    output = io.BytesIO()
    digest, _ = document.digest_tbs_document(output=output)
    # PAdES has the time in the dictionary of the signature, not among the attributes.
    finished = await document.perform_signature(
        document_digest=digest.document_digest, pdf_cms_signed_attrs=PdfCMSSignedAttributes(signing_time=time)
    )
    await finished.post_signature_processing(output)
    return output.getvalue()


def _signer(key: SigningKey) -> SimpleSigner:
    certificates = [translate_pyca_cryptography_cert_to_asn1(one) for one in key.certificates]
    others = SimpleCertificateStore()  # type: ignore[no-untyped-call] # the package has no types
    others.register_multiple(certificates)
    kind = _EllipticSigner if isinstance(key.key, ec.EllipticCurvePrivateKey) else SimpleSigner
    signer = kind(
        signing_cert=certificates[0],
        signing_key=translate_pyca_cryptography_key_to_asn1(key.key),
        cert_registry=others,
    )
    if isinstance(signer, _EllipticSigner) and isinstance(key.key, ec.EllipticCurvePrivateKey):
        signer.key = key.key
    return signer


class _Appending(IncrementalPdfFileWriter):
    """Appends to a PDF without anything of chance or of the present moment."""

    def __init__(self, pdf: bytes) -> None:
        super().__init__(io.BytesIO(pdf))
        original, _ = self.document_id
        # What the base class has chosen by chance.
        changed = hashlib.sha256(pdf).digest()[:_ID_BYTES]
        self._document_id = generic.ArrayObject(map(generic.ByteStringObject, (original, changed)))

    @override
    def ensure_output_version(self, version: tuple[int, int]) -> None:
        """Leaves the version as it is: a file that says PDF 2.0 is neither PDF/A-3 nor PDF/UA-1. Signatures of elliptic curves are
        described by extensions of PDF 2.0, but readers know them by themselves."""

    @override
    def register_extension(self, ext: DeveloperExtension) -> None:
        if ext.base_version == _VERSION:
            super().register_extension(ext)

    @override
    def _update_meta(self) -> None:
        """Leaves the time of the last change as it is: the pages do not change."""


class _EllipticSigner(SimpleSigner):
    """Signs as RFC 6979 says, without chance. Otherwise each signature would be another one."""

    key: ec.EllipticCurvePrivateKey

    @override
    def sign_raw(self, data: bytes, digest_algorithm: str) -> bytes:
        algorithm = getattr(hashes, digest_algorithm.upper())()
        return self.key.sign(data, ec.ECDSA(algorithm, deterministic_signing=True))
