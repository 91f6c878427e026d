"""What the file of identity providers says about people, one entry for each issuer. Envoy and admin_service read the same file."""

import re
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

MAX_DOMAINS: Final = 200
MAX_ORGANIZATIONS: Final = 200
_DOMAIN: Final = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


def _require_domain(text: str) -> str:
    domain = text.lower()
    if len(domain) > 253 or not _DOMAIN.fullmatch(domain):
        raise ValueError(f"{text!r} is not a domain: write one such as acme.example, without @ and without wildcards")
    return domain


Domains = Annotated[list[Annotated[str, AfterValidator(_require_domain)]], Field(min_length=1, max_length=MAX_DOMAINS)]
Organizations = Annotated[
    list[Annotated[str, Field(pattern=r"^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$")]], Field(max_length=MAX_ORGANIZATIONS)
]
EmailClaim = Literal["email", "preferred_username", "upn"]


class IssuerFields(BaseModel):
    """What an entry of the file says about people."""

    model_config = ConfigDict(frozen=True, strict=True)

    issuer: Annotated[str, Field(min_length=1, max_length=500)]
    """The exact claim `iss` of its tokens."""
    email_domains: Domains | None = None
    """The domains of the e-mail addresses that it may vouch for. None: all if it is the only issuer, otherwise none."""
    email_claim: EmailClaim | None = None
    """The claim with an address that counts although no `email_verified` says so. None: `email`, if `email_verified` does."""
    organizations: Organizations = []
    """Ids of the organizations whose admins may map its claims to groups and roles."""

    @model_validator(mode="after")
    def _bounds_what_no_claim_verifies(self) -> Self:
        if self.email_claim is not None and self.email_domains is None:
            raise ValueError(
                "email_claim needs email_domains: list the domains whose addresses this provider gives out"
            )
        return self
