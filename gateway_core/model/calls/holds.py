"""Holds: what an admitted call reserves, and the signed token that carries a hold through Envoy to its settlement.

Settlement trusts only a signed hold: an entry forged at the access-log sink cannot debit anybody (fault F10), and a hold
that has not reached the register yet can be settled all the same, from its token (fault C5).
"""

import base64
import enum
import hashlib
import hmac
import json
from functools import lru_cache
from typing import Final

from gateway_core.model.dialects import Endpoint
from gateway_core.model.limits.counters import Counter
from gateway_core.model.limits.throttles import Throttle
from gateway_core.model.records import record

_VERSION: Final = "v2"
_CODE_BYTES: Final = 32
_PERSON: Final = b"megarouter hold"
_REMEMBERED: Final = 16_384
"""Claims of a kilobyte each."""


class HoldState(enum.StrEnum):
    """A hold is placed once and resolved exactly once (INV-04)."""

    HELD = "HELD"
    SETTLED = "SETTLED"
    VOIDED = "VOIDED"
    EXPIRED = "EXPIRED"


class HoldTokenError(Exception):
    """The token was not made by this deployment, or was changed."""


@record(frozen=True, slots=True)
class Claims:
    """Whose call a hold is for and what it is of: the same for all calls of one key to one model while their periods last."""

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
    counters: tuple[Counter, ...]
    """Every counter that carries the hold, narrowest first."""
    throttles: tuple[Throttle, ...] = ()
    """Every throttle that the call was admitted by."""


@record(frozen=True, slots=True)
class Hold:
    """An admitted call. Instants are microseconds since the epoch; amounts nano-credits."""

    hold_id: str
    claims: Claims
    amount_nano_credits: int
    input_tokens: int
    output_tokens: int
    placed_epoch_us: int
    expires_epoch_us: int
    placement: int = 0
    """The number Redis gave it among all placements of the organization; 0 until it is placed."""
    shadow_refusals: tuple[int, ...] = ()
    """Places among the counters of those whose guardrails, in shadow mode, would have refused the call; ascending."""

    def placed(self, number: int, shadow_refusals: tuple[int, ...]) -> "Hold":
        """The hold as Redis has placed it. `dataclasses.replace` would cost a tenth of the decision."""
        return Hold(
            hold_id=self.hold_id,
            claims=self.claims,
            amount_nano_credits=self.amount_nano_credits,
            input_tokens=self.input_tokens,
            output_tokens=self.output_tokens,
            placed_epoch_us=self.placed_epoch_us,
            expires_epoch_us=self.expires_epoch_us,
            placement=number,
            shadow_refusals=shadow_refusals,
        )


@record(frozen=True, slots=True)
class EncodedClaims:
    """What the tokens of all calls with the same claims begin with."""

    text: str
    """`v2.<claims>.`"""
    mac: "hashlib.blake2b"
    """The code of the text, to be copied and continued."""


def encode_claims(claims: Claims, signing_key: bytes) -> EncodedClaims:
    """What the token of a hold with these claims begins with."""
    payload = json.dumps(
        {
            "org": claims.organization,
            "groups": claims.group_path,
            "member": claims.member,
            "key": claims.api_key,
            "endpoint": claims.endpoint,
            "streams": claims.streams,
            "model": claims.requested_model,
            "provider": claims.provider,
            "served": claims.served_model,
            "price": claims.price_version,
            "counters": [counter.encode() for counter in claims.counters],
            "throttles": [throttle.encode() for throttle in claims.throttles],
        },
        separators=(",", ":"),
    )
    return _begun(f"{_VERSION}.{_encode(payload.encode())}.", signing_key)


def sign_hold(hold: Hold, signing_key: bytes, encoded: EncodedClaims | None = None) -> str:
    """`v2.<claims>.<call>.<code>`: what calls share, base64url of JSON; what is this call's own, in a fixed order, separated by
    commas; and keyed BLAKE2b (RFC 7693) of all before it, base64url. Base64 has no padding.

    Args:
        hold: a hold, whose id is one of ours (`ids.make_id`): it holds no comma and no dot.
        signing_key: of the deployment.
        encoded: `encode_claims` of the hold's claims, where they are known.
    """
    encoded = encoded or encode_claims(hold.claims, signing_key)
    call = (
        f"{hold.hold_id},{hold.amount_nano_credits},{hold.input_tokens},{hold.output_tokens},{hold.placed_epoch_us},"
        f"{hold.expires_epoch_us},{hold.placement},{':'.join(map(str, hold.shadow_refusals))}"
    )
    return f"{encoded.text}{call}.{_code(encoded, call)}"


def verify_hold(token: str, signing_key: bytes) -> Hold:
    """The hold inside a token.

    Raises:
        HoldTokenError: the token is not of the form, or its code is not ours. The message never quotes the token.
    """
    signed, _, code = token.rpartition(".")
    text, _, call = signed.rpartition(".")
    encoded = _remembered(f"{text}.", signing_key)
    try:
        # The text is compared, not what it decodes to: base64 has several spellings for the same bytes.
        genuine = hmac.compare_digest(code.encode(), _code(encoded, call).encode())
    except UnicodeEncodeError as error:
        raise HoldTokenError("the hold token is malformed") from error
    if not genuine or not text.startswith(f"{_VERSION}."):
        raise HoldTokenError("the hold token was not signed by this deployment")
    return _hold_of(_claims_of(text), call)


def _hold_of(claims: Claims, call: str) -> Hold:
    hold_id, amount, input_tokens, output_tokens, placed, expires, placement, shadows = call.split(",")
    return Hold(
        hold_id=hold_id,
        claims=claims,
        amount_nano_credits=int(amount),
        input_tokens=int(input_tokens),
        output_tokens=int(output_tokens),
        placed_epoch_us=int(placed),
        expires_epoch_us=int(expires),
        placement=int(placement),
        shadow_refusals=tuple(map(int, shadows.split(":"))) if shadows else (),
    )


@lru_cache(maxsize=_REMEMBERED)
def _claims_of(text: str) -> Claims:
    """The claims of a genuine token."""
    fields = json.loads(_decode(text.partition(".")[2]))
    return Claims(
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
        counters=tuple(Counter.decode(counter) for counter in fields["counters"]),
        throttles=tuple(Throttle.decode(throttle) for throttle in fields["throttles"]),
    )


@lru_cache(maxsize=_REMEMBERED)
def _remembered(text: str, signing_key: bytes) -> EncodedClaims:
    """Of any text, also a forged one: nothing follows from being remembered."""
    return _begun(text, signing_key)


def _begun(text: str, signing_key: bytes) -> EncodedClaims:
    mac = hashlib.blake2b(key=signing_key, digest_size=_CODE_BYTES, person=_PERSON)
    mac.update(text.encode("utf-8", "surrogatepass"))
    return EncodedClaims(text, mac)


def _code(encoded: EncodedClaims, call: str) -> str:
    mac = encoded.mac.copy()
    mac.update(call.encode())
    return _encode(mac.digest())


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
