import base64
import hmac
import re

import pytest

from gateway_core.schema.scram import PasswordError, scram_verifier

# RFC 7677, section 3.
NONCE = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
SALT = "W22ZaJ0SNY7soEsUEjb6gQ=="
EXCHANGE = f"n=user,r=rOprNGfwEbeRWgbNEkqO,r={NONCE},s={SALT},i=4096,c=biws,r={NONCE}"
SERVER_SIGNATURE = "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


def test_the_verifier_gives_the_signature_in_the_specification() -> None:
    verifier = scram_verifier("pencil", 4096, base64.b64decode(SALT))
    scheme, iterations_and_salt, keys = verifier.split("$")
    assert (scheme, iterations_and_salt) == ("SCRAM-SHA-256", f"4096:{SALT}")
    server_key = base64.b64decode(keys.split(":")[1])
    assert base64.b64encode(hmac.digest(server_key, EXCHANGE.encode(), "sha256")).decode() == SERVER_SIGNATURE


def test_each_verifier_has_a_separate_salt_and_no_quote() -> None:
    verifiers = {scram_verifier("secret", 1) for _ in range(3)}
    assert len(verifiers) == 3
    assert all(
        re.fullmatch(r"SCRAM-SHA-256\$1:[\w+/=]{24}\$[\w+/=]{44}:[\w+/=]{44}", verifier) for verifier in verifiers
    )


@pytest.mark.parametrize("password", ["", "pässword", "tab\there", "line\n"])
def test_a_password_that_needs_preparation_is_refused_without_being_quoted(password: str) -> None:
    with pytest.raises(PasswordError) as caught:
        scram_verifier(password, 1)
    assert not password or password not in str(caught.value)
