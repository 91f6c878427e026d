"""The files that URLs of PostgreSQL and Redis name, as the doctor sees them. The servers themselves speak without TLS here."""

import datetime as dt
from pathlib import Path
from urllib.parse import urlencode

import pytest

from admin_service.doctor.findings import Finding, Verdict
from tests.contract.admin_service.doctor.findings import found
from tests.support.servers.certificates import Authority, Pair

LONG = dt.timedelta(days=60)
CERTIFICATE, KEY, AUTHORITIES = "postgres client certificate", "postgres client key", "postgres authorities"
Environment = dict[str, str]


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority("company", tmp_path)


def private(pair: Pair) -> Pair:
    pair.key.chmod(0o640)
    return pair


async def of_postgres(
    environment: Environment, certificate: Path, key: Path, authorities: Path | None = None
) -> dict[str, Finding]:
    files = {"sslcert": certificate, "sslkey": key} | ({} if authorities is None else {"sslrootcert": authorities})
    options = urlencode({"sslmode": "disable", **files}, safe="/")
    name = "MEGAROUTER_ADMIN_DATABASE_URL"
    url = environment[name]
    return await found("admin", environment | {name: f"{url}{'&' if '?' in url else '?'}{options}"})


async def test_a_certificate_that_lasts_and_its_private_key_are_well(
    administration: Environment, authority: Authority, tmp_path: Path
) -> None:
    pair = private(authority.issue("megarouter_admin", tmp_path / "own", LONG))
    findings = await of_postgres(administration, pair.certificate, pair.key)
    assert (findings[CERTIFICATE].verdict, findings[KEY].verdict) == (Verdict.OK, Verdict.OK)
    assert AUTHORITIES not in findings


@pytest.mark.parametrize(
    ("life", "verdict", "words"),
    [
        (dt.timedelta(days=29), Verdict.WARNING, "less than 30 days: renew it"),
        (dt.timedelta(minutes=-1), Verdict.FAULT, "expired on"),
    ],
)
async def test_a_certificate_that_ends_soon_is_a_warning_and_one_that_has_ended_a_fault(
    administration: Environment, authority: Authority, tmp_path: Path, life: dt.timedelta, verdict: Verdict, words: str
) -> None:
    pair = private(authority.issue("megarouter_admin", tmp_path / "own", life))
    finding = (await of_postgres(administration, pair.certificate, pair.key))[CERTIFICATE]
    assert (finding.verdict, words in finding.text) == (verdict, True), finding.text


async def test_files_that_are_missing_or_empty_are_faults_that_name_them(
    administration: Environment, authority: Authority, tmp_path: Path
) -> None:
    pair = private(authority.issue("megarouter_admin", tmp_path / "own", LONG))
    missing, empty = tmp_path / "missing.pem", tmp_path / "empty.pem"
    empty.touch()
    for path, words in ((missing, "cannot be read"), (empty, "contains no")):
        findings = await of_postgres(administration, path, pair.key, path)
        for subject in (CERTIFICATE, AUTHORITIES):
            assert findings[subject].verdict is Verdict.FAULT
            assert f"{path} {words}" in findings[subject].text
        finding = (await of_postgres(administration, pair.certificate, path))[KEY]
        assert (finding.verdict, f"{path} {words}" in finding.text) == (Verdict.FAULT, True)


async def test_a_key_of_another_certificate_is_a_fault(
    administration: Environment, authority: Authority, tmp_path: Path
) -> None:
    own, other = (private(authority.issue(name, tmp_path / name, LONG)) for name in ("own", "other"))
    finding = (await of_postgres(administration, own.certificate, other.key))[KEY]
    assert (finding.verdict, "is not the key of" in finding.text) == (Verdict.FAULT, True)


async def test_a_key_that_every_user_can_read_is_a_warning(
    administration: Environment, authority: Authority, tmp_path: Path
) -> None:
    pair = authority.issue("megarouter_admin", tmp_path / "own", LONG)
    pair.key.chmod(0o644)
    finding = (await of_postgres(administration, pair.certificate, pair.key))[KEY]
    assert (finding.verdict, "chmod 640" in finding.text) == (Verdict.WARNING, True)


async def test_the_files_of_redis_and_of_a_pooler_are_examined_too(
    administration: Environment, authority: Authority, tmp_path: Path
) -> None:
    pair = private(authority.issue("services", tmp_path / "own", dt.timedelta(days=3)))
    redis = urlencode(
        {"ssl_certfile": pair.certificate, "ssl_keyfile": pair.key, "ssl_ca_certs": authority.file}, safe="/"
    )
    place = urlencode({"sslmode": "disable", "sslcert": pair.certificate, "sslkey": pair.key}, safe="/")
    changed = administration | {
        "MEGAROUTER_REDIS_URL": f"rediss://127.0.0.1:9/0?{redis}",
        "MEGAROUTER_DATABASE_POOLER": f"postgresql://127.0.0.1:9?{place}",
    }
    findings = await found("admin", changed)
    for subject in ("redis client certificate", "redis authorities", "postgres pooler client certificate"):
        assert findings[subject].verdict is Verdict.WARNING
    for subject in ("redis client key", "postgres pooler client key"):
        assert findings[subject].verdict is Verdict.OK
