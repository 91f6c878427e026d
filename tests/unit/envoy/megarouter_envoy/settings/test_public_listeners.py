"""Settings of the public listeners. Plain HTTP stays on this machine unless somebody says otherwise."""

from pathlib import Path

import pytest
from megarouter_envoy.settings.public_listeners import PublicListeners, PublicListenersError, public_listeners

from tests.support.servers.certificates import Authority, Pair

ADDRESS, HOST = "MEGAROUTER_PUBLIC_ADDRESS", "MEGAROUTER_PUBLIC_HOST"
CERTIFICATE, KEY, CLIENT_CA = (f"MEGAROUTER_TLS_{name}_FILE" for name in ("CERTIFICATE", "KEY", "CLIENT_CA"))
PLAIN = "MEGAROUTER_ALLOW_PLAIN_HTTP"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority("trusted", tmp_path)


@pytest.fixture
def pair(authority: Authority, tmp_path: Path) -> Pair:
    return authority.issue("localhost", tmp_path / "served")


def test_without_settings_they_serve_plain_http_on_loopback() -> None:
    listeners = public_listeners({})
    assert listeners == PublicListeners()
    assert listeners.url(10_000) == "http://127.0.0.1:10000"


def test_with_a_certificate_their_urls_are_https(pair: Pair, authority: Authority) -> None:
    listeners = public_listeners(
        {
            ADDRESS: "0.0.0.0",  # noqa: S104
            HOST: "ai.acme.example",
            CERTIFICATE: str(pair.certificate),
            KEY: str(pair.key),
            CLIENT_CA: str(authority.file),
        }
    )
    assert listeners.url(443) == "https://ai.acme.example:443"
    assert listeners.client_authorities_file == authority.file
    assert listeners.probed_host == "127.0.0.1"


@pytest.mark.parametrize("address", ["0.0.0.0", "10.1.2.3", "::"])  # noqa: S104
def test_plain_http_for_other_machines_must_be_allowed(address: str) -> None:
    with pytest.raises(PublicListenersError, match=f"{ADDRESS}.*{CERTIFICATE}.*{PLAIN}=true"):
        public_listeners({ADDRESS: address})
    assert public_listeners({ADDRESS: address, PLAIN: "true"}).address == address


def test_a_certificate_needs_its_key_in_the_same_directory(pair: Pair, authority: Authority, tmp_path: Path) -> None:
    other = authority.issue("localhost", tmp_path / "other")
    with pytest.raises(PublicListenersError, match="set both"):
        public_listeners({CERTIFICATE: str(pair.certificate)})
    with pytest.raises(PublicListenersError, match="set both"):
        public_listeners({CLIENT_CA: str(authority.file)})
    with pytest.raises(PublicListenersError, match="same directory"):
        public_listeners({CERTIFICATE: str(pair.certificate), KEY: str(other.key)})
    pair.key.write_bytes(other.key.read_bytes())
    with pytest.raises(PublicListenersError, match="not a certificate with its unencrypted key"):
        public_listeners({CERTIFICATE: str(pair.certificate), KEY: str(pair.key)})


@pytest.mark.parametrize(
    ("name", "value"), [(ADDRESS, "localhost"), (CERTIFICATE, "relative.pem"), (KEY, "/nowhere.pem"), (PLAIN, "yes")]
)
def test_a_setting_that_cannot_be_used_is_named(name: str, value: str) -> None:
    with pytest.raises(PublicListenersError, match=f"^{name}"):
        public_listeners({name: value})
