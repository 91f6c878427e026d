import pytest

from gateway_core.model.alerts.targets import AllowedTargets
from notification_service.transport.targets import TargetError, checked_url

ALLOWED = AllowedTargets.parse("127.0.0.1:8080, inbox.internal:443,[::1]:9000")


@pytest.mark.parametrize("url", [
    "https://hooks.slack.com/services/T/B/x",
    "https://receiver.example:443/a?b=c",
    "http://127.0.0.1:8080/alerts",
    "https://127.0.0.1:8080/alerts",
    "http://INBOX.internal:443/",
    "http://[::1]:9000/",
    "https://93.184.216.34/",
    "https://[2606:2800:220:1:248:1893:25c8:1946]/",
    "https://internal.example/",
])  # fmt: skip
def test_these_may_be_sent_to(url: str) -> None:
    assert str(checked_url(url, ALLOWED))


@pytest.mark.parametrize(("url", "reason"), [
    ("http://receiver.example/", "https"),
    ("ftp://receiver.example/", "https"),
    ("file:///etc/passwd", "https"),
    ("unix:/run/docker.sock", "https"),
    ("//receiver.example/", "https"),
    ("", "https"),
    ("https://", "host"),
    ("https://receiver.example:8443/", "port"),
    ("https://127.0.0.1:8081/", "port"),
    ("http://127.0.0.1:8081/", "https"),
    ("https://user:password@receiver.example/", "user"),
    ("https://127.0.0.1:8080@receiver.example/", "user"),
    ("https://receiver.example:port/", "malformed"),
    (f"https://receiver.example/{'a' * 2_048}", "longer"),
    ("https://127.0.0.1/", "not public"),
    ("https://10.1.2.3/hook", "not public"),
    ("https://169.254.169.254/latest/meta-data", "not public"),
    ("https://[::1]/", "not public"),
    ("https://[::ffff:10.0.0.1]/", "not public"),
    ("https://2130706433/", "not public"),
    ("https://0x7f.1/", "not public"),
    ("https://0177.0.0.1/", "malformed"),
    ("https://127.1/", "not public"),
    ("https://localhost/", "not public"),
    ("https://LOCALHOST./", "not public"),
    ("https://redis/", "not public"),
    ("https://metadata.google.internal/", "not public"),
    ("https://printer.local/", "not public"),
])  # fmt: skip
def test_these_may_not(url: str, reason: str) -> None:
    with pytest.raises(TargetError, match=reason) as refused:
        checked_url(url, ALLOWED)
    assert "receiver" not in str(refused.value)


def test_nothing_internal_is_allowed_unless_named() -> None:
    assert AllowedTargets.parse("") == AllowedTargets()
