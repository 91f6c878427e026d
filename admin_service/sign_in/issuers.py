"""The identity providers of the deployment, and whom each of them may vouch for.

The settings name a file, the same from which Envoy's configuration is made. This module reads what concerns people: the issuers,
the e-mail domains that each may vouch for, and the organizations that may map its claims.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from gateway_core.model.organization.issuer_fields import IssuerFields
from gateway_core.model.validation_problems import problems_of


class IssuersError(Exception):
    """The file of identity providers cannot be used. The message names it and says what is wrong."""


class _Entry(IssuerFields):
    # Other fields are for Envoy.
    model_config = ConfigDict(extra="ignore")


class _Document(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)

    identity_providers: list[_Entry]


@dataclass(frozen=True, slots=True)
class Issuer:
    """An identity provider, identified by the claim `iss` of its tokens."""

    name: str
    email_domains: frozenset[str] | None
    """The domains of the addresses that it may vouch for, in lower case; None for all."""
    organizations: frozenset[str] = frozenset()
    """Ids of the organizations that may map its claims to groups and roles."""
    has_domains: bool = True
    """Whether the file lists its domains."""
    email_claim: str | None = None
    """The claim with an address that counts without `email_verified`."""

    def vouches_for(self, email: str) -> bool:
        """Whether it may say who has this address, which is in lower case. A domain does not include the domains below it."""
        return self.email_domains is None or email.rpartition("@")[2] in self.email_domains


@dataclass(frozen=True, slots=True)
class Issuers:
    """The identity providers by the claim `iss`."""

    by_name: dict[str, Issuer]

    def vouch(self, issuer: str, email: str) -> bool:
        """Whether the issuer may say who has this address. An issuer that the file does not name may not."""
        known = self.by_name.get(issuer)
        return known is not None and known.vouches_for(email)

    def email_claim(self, issuer: object) -> str | None:
        """Returns the claim in which the issuer's tokens have an address that counts without `email_verified`."""
        known = self.by_name.get(issuer) if isinstance(issuer, str) else None
        return known.email_claim if known else None

    def let_provision(self, organization: str, email: str) -> frozenset[str]:
        """Returns the issuers for whose people a directory of the organization may speak: those that the organization may map the
        claims of, and whose `email_domains` name the domain of the address. An issuer without a list of domains counts for none.
        """
        return frozenset(
            name
            for name, one in self.by_name.items()
            if organization in one.organizations and one.has_domains and one.vouches_for(email)
        )

    def let_map(self, issuer: str, organization: str) -> bool:
        """Whether the organization may map the issuer's claims."""
        known = self.by_name.get(issuer)
        return known is not None and organization in known.organizations


def issuers_of(listed: Iterable[Issuer]) -> Issuers:
    """Returns the issuers of a file. One without domains vouches for all addresses if it is the only one, otherwise for none.

    Args:
        listed: the issuers, with None for the domains of one that lists none.
    """
    known = list(listed)
    unnamed = None if len(known) == 1 else frozenset[str]()
    return Issuers(
        {
            one.name: replace(one, email_domains=unnamed, has_domains=False) if one.email_domains is None else one
            for one in known
        }
    )


def read_issuers(file: Path | None) -> Issuers:
    """Reads the file of identity providers. None: there are none.

    Raises:
        IssuersError: the file cannot be read, or is not valid.
    """
    if file is None:
        return Issuers({})
    try:
        document = _Document.model_validate(yaml.safe_load(file.read_bytes()))
    except OSError as error:
        raise IssuersError(f"{file} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        problems = (f"{place or 'document'}: {problem}" for place, problem in problems_of(error))
        raise IssuersError(f"{file}: {'; '.join(problems)}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise IssuersError(f"{file}: not valid YAML: {error}") from error
    return issuers_of(
        Issuer(
            one.issuer,
            None if one.email_domains is None else frozenset(one.email_domains),
            frozenset(one.organizations),
            email_claim=one.email_claim,
        )
        for one in document.identity_providers
    )
