"""`megarouter login` through Envoy: at a real identity provider behind TLS, with a link, and with a token."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from subprocess import CompletedProcess

import aiohttp
import pytest

from deploy.local.supervision.embedded_stack import Stack
from tests.support.servers.identity_provider import AUDIENCE, DOCUMENTED_AUDIENCE, ISSUER, IdentityProvider
from tests.support.servers.tls_proxy import TlsProxy

PROGRAM = Path(sys.executable).parent / "megarouter"
Run = Callable[..., "CompletedProcess[str]"]


@pytest.fixture
def run(stack: Stack, sign_in_proxy: TlsProxy, identity_provider: IdentityProvider, tmp_path: Path) -> Run:
    """Runs a command as a person with an empty home and no token in the environment."""
    person = f"person-{os.urandom(6).hex()}"
    identity_provider.sign_in.person = {"sub": person, "name": "Ada"}
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "MEGAROUTER_ADMIN_URL": stack.environment["MEGAROUTER_ADMIN_URL"],
        "BROWSER": "curl --silent --location --output /dev/null %s",
        **sign_in_proxy.environment,
    }

    def command(*arguments: str, given: str = "", **more: str) -> "CompletedProcess[str]":
        return subprocess.run(
            [PROGRAM, *arguments],
            input=given, capture_output=True, text=True, timeout=60, check=False, env={**environment, **more},
        )  # fmt: skip

    return command


def secrets_in(folder: Path) -> dict[str, str]:
    (file,) = (folder / ".config" / "megarouter").glob("*.json")
    return dict(json.loads(file.read_text())["secrets"])


@pytest.mark.parametrize("way", [(), ("--device",)])
def test_a_person_signs_in_at_the_identity_provider(
    run: Run, tmp_path: Path, identity_provider: IdentityProvider, way: tuple[str, ...]
) -> None:
    signed_in = run("login", "--issuer", ISSUER, "--client-id", AUDIENCE, *way)
    assert signed_in.returncode == 0, signed_in.stderr
    assert "Ada" in signed_in.stdout
    who = run("whoami").stdout
    assert f"by {'device' if way else 'browser'} at {ISSUER}" in who
    assert "in 10 minutes" in who
    secrets = secrets_in(tmp_path)
    assert run("login", *way).returncode == 0, "the issuer and the client are remembered"
    signed_out = run("logout")
    assert signed_out.returncode == 0
    assert identity_provider.sign_in.revoked
    refused = run("whoami")
    assert (refused.returncode, "megarouter login" in refused.stderr) == (2, True)
    shown = "".join(each.stdout + each.stderr for each in (signed_in, signed_out, refused)) + who
    assert not any(secret in shown for secret in secrets.values())


def test_a_token_that_ended_is_renewed(run: Run, tmp_path: Path, identity_provider: IdentityProvider) -> None:
    identity_provider.sign_in.token_life_s = 30
    try:
        assert run("login", "--issuer", ISSUER, "--client-id", AUDIENCE).returncode == 0
    finally:
        identity_provider.sign_in.token_life_s = 630
    earlier = secrets_in(tmp_path)
    assert "in 10 minutes" in run("whoami").stdout
    later = secrets_in(tmp_path)
    assert all(earlier[name] != later[name] for name in ("token", "refresh_token"))


@pytest.mark.parametrize("way", [(), ("--device",)])
def test_the_address_alone_is_enough(run: Run, way: tuple[str, ...]) -> None:
    signed_in = run("login", *way)
    assert signed_in.returncode == 0, signed_in.stderr
    assert f"by {'device' if way else 'browser'} at {ISSUER}" in run("whoami").stdout


async def test_the_announcement_needs_no_sign_in_and_has_no_secret(
    stack: Stack, session: aiohttp.ClientSession, identity_provider: IdentityProvider
) -> None:
    url = f"{stack.environment['MEGAROUTER_ADMIN_URL']}/.well-known/megarouter"
    async with session.get(url) as answer:
        assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
        assert await answer.json() == {
            "identity_providers": [
                {
                    "name": "staff",
                    "issuer": ISSUER,
                    "cli_client_id": DOCUMENTED_AUDIENCE,
                    "console_client_id": DOCUMENTED_AUDIENCE,
                }
            ],
            "model_url": stack.environment["MEGAROUTER_BASE_URL"],
        }
    async with session.post(url) as refused:
        assert refused.status == 404
    async with session.get(f"{url}/more") as unknown:
        assert unknown.status == 404


def test_a_link_signs_in_once_and_signing_out_ends_its_token(run: Run, stack: Stack, tmp_path: Path) -> None:
    admin = {"MEGAROUTER_ADMIN_TOKEN": stack.environment["MEGAROUTER_ADMIN_TOKEN"], "MEGAROUTER_ORGANIZATION": "acme"}
    made = json.loads(run("sign-in-links", "create", "lena", "--json", **admin).stdout)
    signed_in = run("login", "--link", given=made["secret"])
    assert signed_in.returncode == 0, signed_in.stderr
    assert "by link" in run("whoami").stdout
    assert run("login", "--link", given=made["secret"]).returncode == 1, "a link works once"
    token = secrets_in(tmp_path)["token"]
    assert "by link" in run("whoami").stdout, "a login that fails leaves the sign-in as it was"
    assert run("whoami", MEGAROUTER_ADMIN_TOKEN=token).returncode == 0
    signed_out = run("logout")
    assert "the access token is revoked" in signed_out.stderr
    assert token not in signed_out.stderr
    assert run("whoami").returncode == 2
    refused = run("whoami", MEGAROUTER_ADMIN_TOKEN=token)
    assert (refused.returncode, "ACCESS_TOKEN_INVALID" in refused.stderr) == (1, True)
    assert "not signed in" in run("logout").stderr


def test_a_token_is_kept_only_if_the_gateway_accepts_it(run: Run, stack: Stack, tmp_path: Path) -> None:
    token = stack.environment["MEGAROUTER_ADMIN_TOKEN"]
    refused = run("login", "--token", given="mrt-wrong-canary\n")
    assert (refused.returncode, "canary" in refused.stderr) == (1, False)
    assert list(tmp_path.rglob("*.json")) == []
    assert run("login", "--token", given=f"{token}\n").returncode == 0
    assert "users/acme-olivia" in run("whoami").stdout
    assert "stays valid" in run("logout", "--keep-token").stderr
    assert run("whoami", MEGAROUTER_ADMIN_TOKEN=token).returncode == 0


def test_signing_out_says_what_became_of_a_token_that_the_gateway_cannot_end(
    run: Run, stack: Stack, identity_provider: IdentityProvider
) -> None:
    foreign = identity_provider.token(f"person-{os.urandom(6).hex()}")
    assert run("login", "--token", given=foreign).returncode == 0
    assert "one of your identity provider" in run("logout").stderr
    made = run("tokens", "create", "laptop", "--expires", "1h", "--json", MEGAROUTER_ADMIN_TOKEN=foreign)
    token = json.loads(made.stdout)["secret"]
    name = json.loads(made.stdout)["accessToken"]["name"]
    assert run("login", "--token", given=token).returncode == 0
    assert run("tokens", "revoke", name, "--yes", MEGAROUTER_ADMIN_TOKEN=foreign).returncode == 0
    assert "had ended already" in run("logout").stderr


def test_of_two_logouts_at_once_one_ends_the_token(run: Run, identity_provider: IdentityProvider) -> None:
    foreign = identity_provider.token(f"person-{os.urandom(6).hex()}")
    made = run("tokens", "create", "laptop", "--expires", "1h", "--json", MEGAROUTER_ADMIN_TOKEN=foreign)
    token = json.loads(made.stdout)["secret"]
    assert run("login", "--token", given=token).returncode == 0
    with ThreadPoolExecutor(2) as pool:
        said = sorted(one.stderr.strip() for one in pool.map(lambda _: run("logout"), range(2)))
    assert [("is revoked" in one, "not signed in" in one) for one in said] == [(True, False), (False, True)]
    assert run("whoami", MEGAROUTER_ADMIN_TOKEN=token).returncode == 1


def test_the_token_of_the_environment_precedes_the_stored_one(run: Run, stack: Stack, tmp_path: Path) -> None:
    assert run("login", "--token", given=stack.environment["MEGAROUTER_ADMIN_TOKEN"]).returncode == 0
    wrong = tmp_path / "wrong"
    wrong.write_text("mrt-wrong")
    assert run("whoami", MEGAROUTER_ADMIN_TOKEN="mrt-wrong").returncode == 1
    assert run("whoami", "--token-file", str(wrong)).returncode == 1
    elsewhere = run("whoami", MEGAROUTER_ADMIN_URL="http://127.0.0.1:1")
    assert (elsewhere.returncode, "no access token" in elsewhere.stderr) == (2, True), "the token is for one address"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--issuer", "https://elsewhere.example"), "give --client-id"),
        (("--issuer", "http://id.example", "--client-id", "a"), "must be an https URL"),
        (("--device", "--link"), "choose one"),
        (("--token",), "standard input is empty"),
        (("--token-file", "x"), "takes no --token-file"),
    ],
)
def test_misuse_says_what_to_do(run: Run, arguments: tuple[str, ...], message: str) -> None:
    result = run("login", *arguments)
    assert (result.returncode, message in result.stderr) == (2, True), result.stderr
