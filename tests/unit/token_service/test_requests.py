import json
from urllib.parse import parse_qs

import pytest

from gateway_core.model.catalog.providers.authentication import GoogleServiceAccount, MicrosoftEntra
from token_service.problems import Problem, TokenError
from token_service.requests import request_of

GOOGLE = GoogleServiceAccount(kind="google_service_account")
ENTRA = MicrosoftEntra(kind="microsoft_entra", tenant="ours.example", client_id="app")


def test_entra_is_asked_for_a_token_for_azures_models() -> None:
    request = request_of(ENTRA, "s&cret=", 0)
    assert request.url == "https://login.microsoftonline.com/ours.example/oauth2/v2.0/token"
    assert parse_qs(request.form.decode()) == {
        "grant_type": ["client_credentials"],
        "client_id": ["app"],
        "client_secret": ["s&cret="],
        "scope": ["https://cognitiveservices.azure.com/.default"],
    }


@pytest.mark.parametrize(
    "key",
    [
        "",
        "s3cret",
        "[]",
        json.dumps(
            {"client_email": "a", "private_key_id": "1", "token_uri": "https://x.example", "private_key": "s3cret"}
        ),
        json.dumps({"client_email": "a", "private_key_id": "1", "token_uri": "https://x.example", "private_key": 1}),
    ],
)
def test_what_is_no_key_of_a_service_account_is_refused_without_quoting_it(key: str) -> None:
    with pytest.raises(TokenError) as refused:
        request_of(GOOGLE, key, 0)
    assert refused.value.problem is Problem.CREDENTIAL
    assert "s3cret" not in str(refused.value)
    assert refused.value.__cause__ is None
