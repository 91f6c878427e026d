"""Holds: what an admitted call reserves, and the signed token that carries a hold through Envoy to its settlement.

Settlement trusts only signed holds, so a forged access-log entry cannot debit anyone (fault F10). It can also settle a
hold from its token before the hold reaches the holds table (fault C5).
"""

import base64
import enum
import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property, lru_cache
from typing import Final

from gateway_core.model.call_tags import Tags
from gateway_core.model.endpoints import Endpoint
from gateway_core.model.limits.counters import Counter
from gateway_core.model.limits.throttles import Throttle
from gateway_core.model.record_decorator import record
from gateway_core.model.routing.routed_as import RoutedAs, decode_routed_as

_VERSION: Final = "v2"
_CODE_BYTES: Final = 32
_PERSON: Final = b"megarouter hold"
_REMEMBERED: Final = 16_384
"""Entries of the caches below; each takes about a kilobyte."""


class HoldState(enum.StrEnum):
    """A hold is placed once and resolved exactly once (INV-04)."""

    HELD = "HELD"
    SETTLED = "SETTLED"
    VOIDED = "VOIDED"
    EXPIRED = "EXPIRED"


class HoldTokenError(Exception):
    """The token is malformed, was changed, or was not signed by this deployment."""


@record(frozen=True, slots=True)
class Rung:
    """A deployment at which a call may be tried, if those before it failed and bill nothing."""

    provider: str
    served_model: str
    price_version: int
    own_key: bool = False
    """Whether the attempt carries the organization's own key at the provider."""


@record(frozen=True)
class Claims:
    """Who calls, and what is called.

    All calls of one key to one model share the same claims while their periods last.
    """

    organization: str
    group_path: tuple[str, ...]
    """Group ids from level 1 down to the member's own group; empty if the member belongs to no group."""
    member: str
    api_key: str
    endpoint: Endpoint
    streams: bool
    requested_model: str
    """The public name of the model in the catalog."""
    provider: str
    served_model: str
    """The provider's name for the model."""
    price_version: int
    counters: tuple[Counter, ...]
    """Every counter that carries the hold, narrowest first."""
    throttles: tuple[Throttle, ...] = ()
    """Every throttle that admitted the call."""
    routed: RoutedAs | None = None
    """The choice of the model; None if the caller named it."""
    rungs: tuple[Rung, ...] = ()
    """The deployments of all attempts, in their order; empty if the call makes only one."""
    own_key: bool = False
    """Whether the call carries the organization's own key at the provider."""

    def of_attempt(self, attempt: int) -> "Claims":
        """Returns the claims of the deployment that an attempt went to. The first attempt is 1."""
        if attempt <= 1 or not self.rungs:
            return self
        rung = self.rungs[min(attempt, len(self.rungs)) - 1]
        return replace(
            self,
            provider=rung.provider,
            served_model=rung.served_model,
            price_version=rung.price_version,
            own_key=rung.own_key,
        )

    @property
    def own_key_attempts(self) -> tuple[int, ...]:
        """The attempts that carry an own key, from 0."""
        carried = [rung.own_key for rung in self.rungs] or [self.own_key]
        return tuple(index for index, is_own in enumerate(carried) if is_own)

    @cached_property
    def encoded_counters(self) -> tuple[str, ...]:
        """The encoded counters, in their order."""
        return tuple(counter.encode() for counter in self.counters)

    @cached_property
    def encoded_throttles(self) -> tuple[str, ...]:
        """The encoded throttles, in their order."""
        return tuple(throttle.encode() for throttle in self.throttles)


@record(frozen=True, slots=True)
class Hold:
    """An admitted call. Instants are microseconds since the epoch; amounts are nano-credits."""

    hold_id: str
    claims: Claims
    amount_nano_credits: int
    input_tokens: int
    output_tokens: int
    placed_epoch_us: int
    expires_epoch_us: int
    placement: int = 0
    """Its number among all placements of the organization, assigned by Redis; 0 until it is placed."""
    shadow_refusals: tuple[int, ...] = ()
    """Indexes, ascending, of the counters whose guardrails in shadow mode would have refused the call."""
    tags: Tags = ()
    session: str = ""
    """The conversation of a call whose model was chosen, as a keyed hash; empty if it is not known."""
    turns: int = 0
    """How many turns that conversation has; 0 if it is not known."""

    def placed(self, number: int, shadow_refusals: tuple[int, ...], amount_nano_credits: int) -> "Hold":
        """Returns the hold as Redis placed it.

        It does not use `dataclasses.replace`, which would cost a tenth of the decision.
        """
        return Hold(
            hold_id=self.hold_id,
            claims=self.claims,
            amount_nano_credits=amount_nano_credits,
            input_tokens=self.input_tokens,
            output_tokens=self.output_tokens,
            placed_epoch_us=self.placed_epoch_us,
            expires_epoch_us=self.expires_epoch_us,
            placement=number,
            shadow_refusals=shadow_refusals,
            tags=self.tags,
            session=self.session,
            turns=self.turns,
        )

    def placed_at(self, placed_epoch_us: int) -> "Hold":
        """Returns the hold with another time of its placement, and as long a life."""
        life_us = self.expires_epoch_us - self.placed_epoch_us
        return replace(self, placed_epoch_us=placed_epoch_us, expires_epoch_us=placed_epoch_us + life_us)


@record(frozen=True, slots=True)
class EncodedClaims:
    """The beginning of the tokens of all calls with the same claims."""

    text: str
    """`v2.<claims>.`"""
    mac: "hashlib.blake2b"
    """The BLAKE2b state after `text`. Copy it, then update the copy."""


def encode_claims(claims: Claims, signing_key: bytes) -> EncodedClaims:
    """Returns the beginning of the token of a hold with these claims."""
    fields = {
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
        "counters": claims.encoded_counters,
        "throttles": claims.encoded_throttles,
    }
    if claims.routed is not None:
        fields["routed"] = claims.routed.encode()
    if claims.rungs:
        fields["rungs"] = [(one.provider, one.served_model, one.price_version) for one in claims.rungs]
    if own := claims.own_key_attempts:  # a field of its own, because programs of before read every rung as three values
        fields["own"] = own
    payload = json.dumps(fields, separators=(",", ":"))
    return _begun(f"{_VERSION}.{_encode(payload.encode())}.", signing_key)


def sign_hold(hold: Hold, signing_key: bytes, encoded: EncodedClaims | None = None) -> str:
    """Returns the token of a hold: `v2.<claims>.<call>.<code>`.

    `<claims>` is JSON in base64url. `<call>` has the values of this call in a fixed order, separated by commas. The tags come next,
    as JSON in base64url, and only if there are any, or a session, which comes last with the number of its turns.
    `<code>` is the keyed BLAKE2b (RFC 7693) of everything before it, in base64url. Base64url has no padding here.

    Args:
        hold: a hold whose id comes from `ids.make_id`, so it contains no comma and no dot.
        signing_key: the key of the deployment.
        encoded: the result of `encode_claims` for the hold's claims, if the caller has it.
    """
    encoded = encoded or encode_claims(hold.claims, signing_key)
    call = (
        f"{hold.hold_id},{hold.amount_nano_credits},{hold.input_tokens},{hold.output_tokens},{hold.placed_epoch_us},"
        f"{hold.expires_epoch_us},{hold.placement},{':'.join(map(str, hold.shadow_refusals))}"
    )
    has_conversation = bool(hold.session or hold.turns)
    if hold.tags or has_conversation:
        call += f",{_text_of(hold.tags) if hold.tags else ''}"
    if has_conversation:
        call += f",{hold.session},{hold.turns}"
    return f"{encoded.text}{call}.{_code(encoded, call)}"


@lru_cache(maxsize=_REMEMBERED)
def _text_of(tags: Tags) -> str:
    return _encode(json.dumps(tags, separators=(",", ":")).encode())


def verify_hold(token: str, signing_key: bytes) -> Hold:
    """Returns the hold inside a token.

    Raises:
        HoldTokenError: the token is malformed or this deployment did not sign it. The message never quotes the token.
    """
    signed, _, code = token.rpartition(".")
    text, _, call = signed.rpartition(".")
    encoded = _remembered(f"{text}.", signing_key)
    try:
        # Compare the text, not the decoded bytes: base64 has several spellings for the same bytes.
        genuine = hmac.compare_digest(code.encode(), _code(encoded, call).encode())
    except UnicodeEncodeError as error:
        raise HoldTokenError("the hold token is malformed") from error
    if not genuine or not text.startswith(f"{_VERSION}."):
        raise HoldTokenError("the hold token was not signed by this deployment")
    return _hold_of(_claims_of(text), call)


def verify_hold_by_any(token: str, signing_keys: Sequence[bytes]) -> Hold:
    """Returns the hold inside a token that one of the keys signed. Tries the keys in their order.

    Raises:
        HoldTokenError: see `verify_hold`.
    """
    first, *others = signing_keys
    try:
        return verify_hold(token, first)
    except HoldTokenError:
        if not others:
            raise
    return verify_hold_by_any(token, others)


def _hold_of(claims: Claims, call: str) -> Hold:
    hold_id, amount, input_tokens, output_tokens, placed, expires, placement, shadows, *rest = call.split(",")
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
        tags=_tags_of(rest[0]) if rest and rest[0] else (),
        session=rest[1] if len(rest) > 1 else "",
        turns=int(rest[2]) if len(rest) > 2 else 0,
    )


@lru_cache(maxsize=_REMEMBERED)
def _tags_of(text: str) -> Tags:
    return tuple((name, value) for name, value in json.loads(_decode(text)))


@lru_cache(maxsize=_REMEMBERED)
def _claims_of(text: str) -> Claims:
    """Decodes the claims of a verified token."""
    fields = json.loads(_decode(text.partition(".")[2]))
    own = fields.get("own", ())
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
        routed=decode_routed_as(fields["routed"]) if "routed" in fields else None,
        rungs=tuple(
            Rung(provider, served_model, price_version, index in own)
            for index, (provider, served_model, price_version) in enumerate(fields.get("rungs", ()))
        ),
        own_key=0 in own,
    )


@lru_cache(maxsize=_REMEMBERED)
def _remembered(text: str, signing_key: bytes) -> EncodedClaims:
    """Caches any text, even of a forged token. That is safe: being cached proves nothing about a token."""
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
