"""Holds: what an admitted call reserves, and the signed token that carries a hold through Envoy to its settlement.

Settlement trusts only a signed hold: an entry forged at the access-log sink cannot debit anybody (fault F10), and a hold
that has not reached the register yet can be settled all the same, from its token (fault C5).
"""

import base64
import enum
import hashlib
import hmac
import json
from dataclasses import dataclass
from json.encoder import encode_basestring_ascii as _quoted
from typing import Final

from gateway_core.domain.dialects import Endpoint
from gateway_core.domain.scopes import Counter
from gateway_core.domain.throttles import Throttle

_VERSION: Final = "v1"


class HoldState(enum.StrEnum):
    """A hold is placed once and resolved exactly once (INV-04)."""

    HELD = "HELD"
    SETTLED = "SETTLED"
    VOIDED = "VOIDED"
    EXPIRED = "EXPIRED"


class HoldTokenError(Exception):
    """The token was not made by this deployment, or was changed."""


@dataclass(frozen=True, slots=True)
class Hold:
    """An admitted call. Instants are microseconds since the epoch; amounts nano-credits."""

    hold_id: str
    organization: str
    group_path: tuple[str, ...]
    """Group ids from level 1 down to the member's own group; empty for a member of the organization itself."""
    member: str
    api_key: str
    endpoint: Endpoint
    streams: bool
    requested_model: str
    """The public name of the model in the catalogue."""
    provider: str
    served_model: str
    """The name the provider knows the model by."""
    price_version: int
    amount_nano_credits: int
    input_tokens: int
    output_tokens: int
    counters: tuple[Counter, ...]
    """Every counter that carries the hold, narrowest first."""
    placed_epoch_us: int
    expires_epoch_us: int
    placement: int = 0
    """The number Redis gave it among all placements of the organization; 0 until it is placed."""
    throttles: tuple[Throttle, ...] = ()
    """Every throttle that the call was admitted by."""
    shadow_refusals: tuple[int, ...] = ()
    """Places among the counters of those whose guardrails, in shadow mode, would have refused the call; ascending."""

    def placed(self, number: int, shadow_refusals: tuple[int, ...]) -> "Hold":
        """The hold as Redis has placed it. Field by field: `dataclasses.replace` costs a tenth of the decision."""
        return Hold(
            self.hold_id,
            self.organization,
            self.group_path,
            self.member,
            self.api_key,
            self.endpoint,
            self.streams,
            self.requested_model,
            self.provider,
            self.served_model,
            self.price_version,
            self.amount_nano_credits,
            self.input_tokens,
            self.output_tokens,
            self.counters,
            self.placed_epoch_us,
            self.expires_epoch_us,
            number,
            self.throttles,
            shadow_refusals,
        )


def shared_claims(hold: Hold) -> str:
    """The part of a token's payload that all calls of one key to one model have in common while their periods last."""
    payload = json.dumps(
        {
            "org": hold.organization,
            "groups": hold.group_path,
            "member": hold.member,
            "key": hold.api_key,
            "endpoint": hold.endpoint,
            "streams": hold.streams,
            "model": hold.requested_model,
            "provider": hold.provider,
            "served": hold.served_model,
            "price": hold.price_version,
            "counters": [counter.encode() for counter in hold.counters],
            "throttles": [throttle.encode() for throttle in hold.throttles],
        },
        separators=(",", ":"),
    )
    return payload.removesuffix("}")


def sign_hold(hold: Hold, signing_key: bytes, claims: str | None = None) -> str:
    """`v1.<payload>.<HMAC-SHA256>`, both parts base64url without padding.

    Args:
        hold: a hold.
        signing_key: of the deployment.
        claims: `shared_claims` of the hold, where they are known.
    """
    payload = (
        f'{claims or shared_claims(hold)},"id":{_quoted(hold.hold_id)},"amount":{hold.amount_nano_credits},'
        f'"in":{hold.input_tokens},"out":{hold.output_tokens},"placed":{hold.placed_epoch_us},'
        f'"expires":{hold.expires_epoch_us},"placement":{hold.placement},'
        f'"shadow":[{",".join(map(str, hold.shadow_refusals))}]}}'
    )
    signed = f"{_VERSION}.{_encode(payload.encode())}"
    return f"{signed}.{_encode(_mac(signed, signing_key))}"


def verify_hold(token: str, signing_key: bytes) -> Hold:
    """The hold inside a token.

    Raises:
        HoldTokenError: the token is not of the form, or its signature is not ours. The message never quotes the token.
    """
    signed, _, signature = token.rpartition(".")
    version, _, payload = signed.partition(".")
    try:
        # The text is compared, not what it decodes to: base64 has several spellings for the same bytes.
        genuine = hmac.compare_digest(signature.encode(), _encode(_mac(signed, signing_key)).encode())
    except UnicodeEncodeError as error:
        raise HoldTokenError("the hold token is malformed") from error
    if version != _VERSION or not genuine:
        raise HoldTokenError("the hold token was not signed by this deployment")
    fields = json.loads(_decode(payload))
    return Hold(
        hold_id=fields["id"],
        organization=fields["org"],
        group_path=tuple(fields["groups"]),
        member=fields["member"],
        api_key=fields["key"],
        endpoint=Endpoint(fields["endpoint"]),
        streams=fields["streams"],
        requested_model=fields["model"],
        provider=fields["provider"],
        served_model=fields["served"],
        price_version=fields["price"],
        amount_nano_credits=fields["amount"],
        input_tokens=fields["in"],
        output_tokens=fields["out"],
        counters=tuple(Counter.decode(text) for text in fields["counters"]),
        placed_epoch_us=fields["placed"],
        expires_epoch_us=fields["expires"],
        placement=fields["placement"],
        # Absent from holds that were placed before there were any.
        throttles=tuple(Throttle.decode(text) for text in fields.get("throttles", ())),
        shadow_refusals=tuple(fields.get("shadow", ())),
    )


def _mac(signed: str, signing_key: bytes) -> bytes:
    return hmac.digest(signing_key, signed.encode(), hashlib.sha256)


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
