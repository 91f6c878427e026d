"""JSON tricks: what one parser reads as one model or limit and another as a different one.

The model that is checked is the one that the provider gets and the one that is charged, or the call is refused. The tenant may use
one cheap model. `tests/e2e/calls/test_bad_input.py` has the plain kinds of bad JSON.
"""

import json
from typing import Any, Final

import aiohttp
import asyncpg
import pytest

from deploy.local.supervision.embedded_stack import Stack
from tests.e2e.conftest import Post, Witness
from tests.support.attacks.accounts import Accounts, members
from tests.support.attacks.companies import Company, make_company, snapshot
from tests.support.data.tenants import Tenant

CHEAP, DEAR = "gpt-4o-mini", "gpt-4o"
REST_OF: Final = b'"max_tokens":5,"messages":[{"role":"user","content":"hi"}]'
SINGLE_VALUES: Final = (
    *("model", "max_tokens", "max_completion_tokens", "n", "stream", "stream_options", "service_tier"),
    *("messages", "input", "system"),
)
"""Members whose meaning is the price of the call, and what the model reads."""


def two(first: bytes, second: bytes) -> bytes:
    """Returns a body that names the cheap model in one way and the dear one in another."""
    return b"{" + first + b":" + b'"%s",' % CHEAP.encode() + second + b":" + b'"%s",' % DEAR.encode() + REST_OF + b"}"


def whole(*before: bytes, after: bytes = b"") -> bytes:
    """Returns a plain body for the cheap model with more members in front or behind."""
    parts = [*before, b'"model":"%s"' % CHEAP.encode(), REST_OF, *([after] if after else [])]
    return b"{" + b",".join(parts) + b"}"


def dear(value: bytes) -> bytes:
    """Returns a body whose model is written so."""
    return b'{"model":' + value + b"," + REST_OF + b"}"


NAMES: Final[dict[str, bytes]] = {
    "escaped letter": rb'"mod\u0065l"',
    "escaped in capitals": rb'"mod\u0065L"',
    "all escaped": rb'"\u006d\u006f\u0064\u0065\u006c"',
    "upper case": b'"Model"',
    "capitals": b'"MODEL"',
    "space at the end": b'"model "',
    "space at the start": b'" model"',
    "NUL at the end": rb'"model\u0000"',
    "zero-width space": '"mod\u200bel"'.encode(),
    "byte order mark": '"\ufeffmodel"'.encode(),
    "Cyrillic e": '"mod\u0435l"'.encode(),
    "fullwidth": '"\uff4dodel"'.encode(),
    "combining mark": '"model\u0301"'.encode(),
    "soft hyphen": '"mo\u00addel"'.encode(),
    "escaped slash": rb'"model\/"',
    "lone surrogate": rb'"model\ud800"',
    "overlong UTF-8": b'"mod\xc1\xa5l"',
    "invalid UTF-8": b'"model\xff"',
    "prototype": b'"__proto__"',
    "single quotes": b"'model'",
    "no quotes": b"model",
}
LOOKS: Final[dict[str, bytes]] = {
    "Cyrillic o": '"gpt-4\u043e"'.encode(),
    "fullwidth 4": '"gpt-\uff14o"'.encode(),
    "superscript": '"gpt-\u2074o"'.encode(),
    "hyphen": '"gpt\u20104o"'.encode(),
    "no-break hyphen": '"gpt\u20114o"'.encode(),
    "soft hyphen inside": '"gpt-4\u00ado"'.encode(),
    "zero-width joiner": '"gpt-4\u200do"'.encode(),
    "direction mark": '"\u202egpt-4o"'.encode(),
    "combining mark": '"gpt-4o\u0308"'.encode(),
    "fullwidth letters": '"\uff47\uff50\uff54-4o"'.encode(),
    "mathematical letters": '"\U0001d420\U0001d429\U0001d42d-4o"'.encode(),
    "capitals": b'"GPT-4O"',
    "Kelvin sign": '"gpt-4o-\u212a"'.encode(),
    "space behind": b'"gpt-4o "',
    "tab behind": rb'"gpt-4o\t"',
    "line end behind": rb'"gpt-4o\n"',
    "NUL behind": rb'"gpt-4o\u0000-mini"',
    "line end inside": rb'"gpt-4o-mini\r\nx: y"',
    "escaped name": rb'"gpt\u002d4o"',
    "alias of the dear one": b'"openai/gpt-4o"',
    "path": b'"../gpt-4o"',
    "query": b'"gpt-4o-mini?model=gpt-4o"',
    "fragment": b'"gpt-4o-mini#gpt-4o"',
    "list in a string": b'"gpt-4o-mini,gpt-4o"',
    "pattern": b'"gpt-4o*"',
    "any": b'"*"',
    "percent": b'"gpt%2D4o"',
    "array": b'["gpt-4o-mini"]',
    "object": b'{"name":"gpt-4o-mini"}',
    "number": b"4",
    "quoted JSON": rb'"\"gpt-4o\""',
    "template": b'"{{model}}"',
    "SQL": b"\"gpt-4o-mini' OR '1'='1\"",
}
HIDDEN: Final[dict[str, bytes]] = {
    "comment before the model": whole(b'/*"model":"gpt-4o"*/"x":1'),
    "line comment": whole().replace(b"{", b'{//"model":"gpt-4o",\n', 1),
    "hash comment": whole().replace(b"{", b'{#"model":"gpt-4o",\n', 1),
    "trailing comma": whole()[:-1] + b",}",
    "leading comma": b"{," + whole()[1:],
    "two documents": whole() + two(b'"model"', b'"x"'),
    "text behind": whole() + b"\x00" + dear(b'"gpt-4o"'),
    "form feed as space": whole().replace(b":", b":\x0c", 1),
    "no-break space": whole().replace(b":", b":\xc2\xa0", 1),
    "byte order mark": b"\xef\xbb\xbf" + whole(),
    "UTF-16": whole().decode().encode("utf-16"),
    "UTF-16 without a mark": whole().decode().encode("utf-16-le"),
    "UTF-32": whole().decode().encode("utf-32-be"),
    "UTF-7": b"{+ACI-model+ACI-:+ACI-gpt-4o+ACI-," + whole()[1:],
    "NaN": whole(b'"temperature":NaN'),
    "Infinity": whole(b'"temperature":Infinity'),
    "hexadecimal": whole(b'"seed":0x10'),
    "leading zero": whole(b'"seed":010'),
    "plus sign": whole(b'"seed":+1'),
    "no digits behind the point": whole(b'"seed":1.'),
    "a very long number": whole(b'"seed":' + b"9" * 5_000),
    "a huge exponent": whole(b'"seed":1e999999'),
    "raw control character": whole(b'"user":"a\x01b"'),
    "raw line end": whole(b'"user":"a\nb"'),
    "unknown escape": whole(rb'"user":"\x41"'),
    "half an escape": whole(rb'"user":"\u00"'),
    "lone low surrogate": whole(rb'"user":"\udc00"'),
    "surrogates in the wrong order": whole(rb'"user":"\udc00\ud800"'),
    "deep array": whole(b'"metadata":' + b"[" * 2_000 + b"]" * 2_000),
    "deep object": whole(b'"metadata":' + b'{"a":' * 2_000 + b"1" + b"}" * 2_000),
    "many members": whole(*(b'"m%d":1' % number for number in range(20_000))),
    "__proto__ with a model": whole(b'"__proto__":{"model":"gpt-4o"}'),
    "constructor": whole(b'"constructor":{"prototype":{"model":"gpt-4o"}}'),
    "model in metadata": whole(b'"metadata":{"model":"gpt-4o"}'),
    "models": whole(b'"models":["gpt-4o"]'),
    "fallbacks": whole(b'"fallbacks":[{"model":"gpt-4o"}]'),
    "route": whole(b'"route":"fallback","provider":{"order":["x"]}'),
    "engine": whole(b'"engine":"gpt-4o"'),
    "deployment": whole(b'"deployment_id":"gpt-4o"'),
    "extra body": whole(b'"extra_body":{"model":"gpt-4o"}'),
    "limit twice": whole(b'"max_tokens":1'),
    "limit with an escaped name": whole(after=rb'"max_t\u006fkens":100000'),
    "limit in capitals": whole(after=b'"MAX_TOKENS":100000'),
    "limit as a fraction": whole(after=b'"max_completion_tokens":1.0'),
    "limit with an exponent": whole(after=b'"max_completion_tokens":1e5'),
    "limit of minus zero": whole(after=b'"max_completion_tokens":-0'),
    "limit beyond 53 bits": whole(after=b'"max_completion_tokens":9007199254740993'),
    "limit beyond 64 bits": whole(after=b'"max_completion_tokens":18446744073709551617'),
    "choices twice": whole(b'"n":1', after=b'"n":50'),
    "choices as a string": whole(after=b'"n":"50"'),
    "stream twice": whole(b'"stream":false', after=b'"stream":true'),
    "messages twice": whole(after=b'"messages":[{"role":"user","content":"' + b"x" * 5_000 + b'"}]'),
    "tier twice": whole(b'"service_tier":"default"', after=b'"service_tier":"priority"'),
    "stream options twice": whole(after=b'"stream":true,"stream_options":{"include_usage":true,"include_usage":false}'),
}  # fmt: skip
BODIES: Final = {
    **{f"two models, the second by {name}": two(b'"model"', key) for name, key in NAMES.items()},
    **{f"two models, the first by {name}": two(key, b'"model"') for name, key in NAMES.items()},
    **{f"model written with {name}": dear(value) for name, value in LOOKS.items()},
    **HIDDEN,
}


@pytest.fixture
async def accounts(tenant: Tenant, witness: Witness) -> Accounts:
    await tenant.guard("member", "mia", model_whitelist=[CHEAP])
    opened = Accounts(tenant, witness)
    await opened.open()
    return opened


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
async def test_the_checked_model_is_the_sent_and_charged_one(post: Post, accounts: Accounts, body: bytes) -> None:
    reply = await post(body)
    assert reply.status == 200 or 400 <= reply.status < 500, reply.text
    if reply.status == 200:
        await accounts.close(1)
    else:  # the gateway refused, or the provider did, for nothing
        assert all(call["status"] >= 400 for call in await accounts.calls())
        assert await accounts.tenant.balance() == accounts.paid_in
    for sent in accounts.bodies:
        pairs = members(sent)
        names = [name for name, _ in pairs]
        assert all(names.count(name) <= 1 for name in SINGLE_VALUES), names
        assert dict(pairs)["model"] == CHEAP
    for record in await accounts.tenant.records():
        assert record["requested_model"] == CHEAP


@pytest.fixture(scope="module")
async def victim(database: asyncpg.Pool, pepper: bytes) -> Company:
    return await make_company(database, pepper, "abroad")


@pytest.fixture(scope="module")
async def attacker(database: asyncpg.Pool, pepper: bytes) -> Company:
    return await make_company(database, pepper, "bad")


REST_BODIES: Final[dict[str, bytes]] = {
    "two members": b'{"displayName":"x","member":@OWN,"member":@THEIRS}',
    "two members, the other first": b'{"displayName":"x","member":@THEIRS,"member":@OWN}',
    "escaped second name": rb'{"displayName":"x","member":@OWN,"memb\u0065r":@THEIRS}',
    "both spellings of a name": b'{"displayName":"x","display_name":"y","member":@OWN}',
    "capitals": b'{"displayName":"x","member":@OWN,"Member":@THEIRS}',
    "__proto__": b'{"displayName":"x","member":@OWN,"__proto__":{"member":@THEIRS}}',
    "constructor": b'{"displayName":"x","member":@OWN,"constructor":{"member":@THEIRS}}',
    "comment": b'{"displayName":"x",/*"member":@OWN,*/"member":@THEIRS}',
    "trailing comma": b'{"displayName":"x","member":@OWN,}',
    "two documents": b'{"displayName":"x","member":@OWN}{"member":@THEIRS}',
    "array": b'{"displayName":"x","member":[@OWN,@THEIRS]}',
    "wrapped": b'{"displayName":"x","apiKey":{"member":@THEIRS}}',
    "the parent": b'{"displayName":"x","parent":"organizations/#THEIRS"}',
    "the name": b'{"displayName":"x","name":"organizations/#THEIRS/apiKeys/key-member"}',
    "output only": b'{"displayName":"x","member":@OWN,"state":"STATE_GONE"}',
    "byte order mark": b'\xef\xbb\xbf{"displayName":"x","member":@THEIRS}',
    "UTF-16": '{"displayName":"x"}'.encode("utf-16"),
    "NaN": b'{"displayName":NaN,"member":@OWN}',
    "deep": b'{"displayName":"x","member":@OWN,"modelWhitelist":' + b'{"entries":[' * 500 + b"]}" * 500 + b"}",
    "lone surrogate": rb'{"displayName":"\ud800","member":@OWN}',
    "NUL": rb'{"displayName":"a\u0000b","member":@OWN}',
    "line end": rb'{"displayName":"a\r\nx: y","member":@OWN}',
    "direction mark": '{"displayName":"a\u202eb","member":@OWN}'.encode(),
    "type in an Any": b'{"@type":"megarouter.admin.v1.ApiKey","displayName":"x","member":@THEIRS}',
    "another organization by dots": b'{"displayName":"x","member":"organizations/#OWN/../#THEIRS/members/member"}',
    "member with a slash": b'{"displayName":"x","member":"organizations/#OWN/members/../../#THEIRS/members/member"}',
    "member with a NUL": rb'{"displayName":"x","member":"organizations/#THEIRS/members/member\u0000"}',
    "member with spaces": b'{"displayName":"x","member":" organizations/#THEIRS/members/member "}',
    "look-alike organization": '{"displayName":"x","member":"organiz\u0430tions/THEIRS/members/member"}'.encode(),
}  # fmt: skip


@pytest.mark.parametrize("body", REST_BODIES.values(), ids=REST_BODIES)
async def test_no_json_trick_makes_a_key_in_another_organization(
    stack: Stack, session: aiohttp.ClientSession, database: asyncpg.Pool, attacker: Company, victim: Company, body: bytes
) -> None:  # fmt: skip
    before = await snapshot(database, victim)
    sent = body
    for word, company in ((b"OWN", attacker), (b"THEIRS", victim)):
        sent = sent.replace(b"@" + word, f'"{company.name}/members/member"'.encode())
        sent = sent.replace(b"#" + word, company.ident.encode())
    url = f"{stack.environment['MEGAROUTER_ADMIN_URL']}/v1/{attacker.name}/apiKeys"
    headers = {"authorization": f"Bearer {attacker.tokens['super']}", "content-type": "application/json"}
    async with session.post(url, data=sent, headers=headers) as response:
        answer = await response.text()
    # A name in the body is ignored, because the server chooses it.
    assert response.status in {400, 403, 404} or attacker.ident in answer, answer
    assert victim.ident not in answer or response.status != 200
    assert await snapshot(database, victim) == before


async def test_an_honest_body_makes_a_key(stack: Stack, session: aiohttp.ClientSession, attacker: Company) -> None:
    """So the bodies above are refused for their tricks."""
    body: dict[str, Any] = {"displayName": "x", "member": f"{attacker.name}/members/member"}
    url = f"{stack.environment['MEGAROUTER_ADMIN_URL']}/v1/{attacker.name}/apiKeys"
    headers = {"authorization": f"Bearer {attacker.tokens['super']}", "content-type": "application/json"}
    async with session.post(url, data=json.dumps(body), headers=headers) as response:
        assert response.status == 200
