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


@record(frozen=True, slots=True)
class SharedClaims:
    """The part of a token that all calls of one key to one model have in common while their periods last."""

    text: str
    """`v2.<claims>.`"""
    mac: "hashlib.blake2b"
    """The code of the text, to be copied and continued."""


def shared_claims(hold: Hold, signing_key: bytes) -> SharedClaims:
    """What the token of a hold begins with."""
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
    return _begun(f"{_VERSION}.{_encode(payload.encode())}.", signing_key)


def sign_hold(hold: Hold, signing_key: bytes, claims: SharedClaims | None = None) -> str:
    """`v2.<claims>.<call>.<code>`: what calls share, base64url of JSON; what is this call's own, in a fixed order, separated by
    commas; and keyed BLAKE2b (RFC 7693) of all before it, base64url. Base64 has no padding.

    Args:
        hold: a hold, whose id is one of ours (`ids.make_id`): it holds no comma and no dot.
        signing_key: of the deployment.
        claims: `shared_claims` of the hold, where they are known.
    """
    claims = claims or shared_claims(hold, signing_key)
    call = (
        f"{hold.hold_id},{hold.amount_nano_credits},{hold.input_tokens},{hold.output_tokens},{hold.placed_epoch_us},"
        f"{hold.expires_epoch_us},{hold.placement},{':'.join(map(str, hold.shadow_refusals))}"
    )
    return f"{claims.text}{call}.{_code(claims, call)}"


def verify_hold(token: str, signing_key: bytes) -> Hold:
    """The hold inside a token.

    Raises:
        HoldTokenError: the token is not of the form, or its code is not ours. The message never quotes the token.
    """
    signed, _, code = token.rpartition(".")
    text, _, call = signed.rpartition(".")
    claims = _remembered(f"{text}.", signing_key)
    try:
        # The text is compared, not what it decodes to: base64 has several spellings for the same bytes.
        genuine = hmac.compare_digest(code.encode(), _code(claims, call).encode())
    except UnicodeEncodeError as error:
        raise HoldTokenError("the hold token is malformed") from error
    if not genuine or not text.startswith(f"{_VERSION}."):
        raise HoldTokenError("the hold token was not signed by this deployment")
    return _hold_of(_shared(text), call)


def _hold_of(shared: Hold, call: str) -> Hold:
    """By places, as in `Hold`: names cost microseconds here, for every call."""
    hold_id, amount, input_tokens, output_tokens, placed, expires, placement, shadows = call.split(",")
    return Hold(
        hold_id,
        shared.organization,
        shared.group_path,
        shared.member,
        shared.api_key,
        shared.endpoint,
        shared.streams,
        shared.requested_model,
        shared.provider,
        shared.served_model,
        shared.price_version,
        int(amount),
        int(input_tokens),
        int(output_tokens),
        shared.counters,
        int(placed),
        int(expires),
        int(placement),
        shared.throttles,
        tuple(map(int, shadows.split(":"))) if shadows else (),
    )


@lru_cache(maxsize=_REMEMBERED)
def _shared(text: str) -> Hold:
    """What the claims of a genuine token say, as a hold without what is a call's own."""
    fields = json.loads(_decode(text.partition(".")[2]))
    return Hold(
        hold_id="",
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
        amount_nano_credits=0,
        input_tokens=0,
        output_tokens=0,
        counters=tuple(Counter.decode(counter) for counter in fields["counters"]),
        placed_epoch_us=0,
        expires_epoch_us=0,
        throttles=tuple(Throttle.decode(throttle) for throttle in fields["throttles"]),
    )


@lru_cache(maxsize=_REMEMBERED)
def _remembered(text: str, signing_key: bytes) -> SharedClaims:
    """Of any text, also a forged one: nothing follows from being remembered."""
    return _begun(text, signing_key)


def _begun(text: str, signing_key: bytes) -> SharedClaims:
    mac = hashlib.blake2b(key=signing_key, digest_size=_CODE_BYTES, person=_PERSON)
    mac.update(text.encode("utf-8", "surrogatepass"))
    return SharedClaims(text, mac)


def _code(claims: SharedClaims, call: str) -> str:
    mac = claims.mac.copy()
    mac.update(call.encode())
    return _encode(mac.digest())


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
