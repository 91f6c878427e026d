"""How the gateway proves to a provider who it is, where the provider accepts no constant key."""

from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from gateway_core.model.catalog.prices import Entry

Region = Annotated[str, Field(pattern=r"^[a-z]{2}(-[a-z]{1,9}){1,3}-\d{1,2}$")]
Identifier = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.-]{0,127}$")]


class AwsSignature(Entry):
    """Every request is signed with an AWS access key (Signature Version 4)."""

    kind: Literal["aws_signature"]
    region: Region
    """As the host names it: `us-east-1`."""
    service: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")] = "bedrock"
    """The name under which the service checks signatures."""


class GoogleServiceAccount(Entry):
    """The key of a service account of Google Cloud gives access tokens, which live an hour."""

    kind: Literal["google_service_account"]
    scope: Annotated[str, Field(pattern=r"^https://[!-~]{1,200}$")] = "https://www.googleapis.com/auth/cloud-platform"


class MicrosoftEntra(Entry):
    """The secret of an application of Microsoft Entra gives access tokens, which live about an hour."""

    kind: Literal["microsoft_entra"]
    tenant: Identifier
    client_id: Identifier
    scope: Annotated[str, Field(pattern=r"^https://[!-~]{1,200}$")] = "https://cognitiveservices.azure.com/.default"
    authority: Annotated[str, Field(pattern=r"^https?://[^\s/?#@]{1,253}$")] = "https://login.microsoftonline.com"
    """Where tokens are asked for. National clouds have another one. Plain HTTP only on this machine."""

    @model_validator(mode="after")
    def _protected(self) -> Self:
        if not may_carry_secrets(self.authority):
            raise ValueError("authority must begin with https://, because it receives the secret")
        return self


def may_carry_secrets(url: str) -> bool:
    """Returns whether a secret can be sent to a URL: only by HTTPS, or to this machine."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in {"127.0.0.1", "::1", "localhost"})


Authentication = Annotated[AwsSignature | GoogleServiceAccount | MicrosoftEntra, Field(discriminator="kind")]
