"""Where the files are that Envoy and token_service read."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class EnvoyFolder:
    """The directory of one Envoy's configuration, as an absolute path, and the paths of the files in it."""

    directory: Path

    @property
    def bootstrap_file(self) -> Path:
        """Envoy's configuration, mode 0600."""
        return self.directory / "bootstrap.json"

    @property
    def admin_json_types_file(self) -> Path:
        """The tables by which Envoy checks the JSON of REST calls. Made from the protos."""
        return self.directory / "admin_json_types.lua"

    @property
    def edge_secret_file(self) -> Path:
        """The secret with which Envoy authenticates to admin_service, mode 0600."""
        return self.directory / "edge-secret"

    @property
    def credentials(self) -> Path:
        """The directory with one file for each provider credential, mode 0600."""
        return self.directory / "credentials"

    @property
    def token_credentials(self) -> Path:
        """The directory with what token_service shows to get tokens, one file for each place, mode 0600."""
        return self.directory / "token-credentials"

    @property
    def token_sources_file(self) -> Path:
        """What token_service reads: which tokens to fetch. It contains no secret."""
        return self.directory / "token-sources.json"

    @property
    def secret_sources(self) -> Path:
        """The directory of files by which Envoy notices that a secret was replaced. They contain no secret."""
        return self.directory / "secret-sources"

    @property
    def live(self) -> Path:
        """The directory that admin_service shares with Envoy: what changes while Envoy runs."""
        return self.directory / "live"

    @property
    def tls_secrets_file(self) -> Path:
        """Names the files of the public listeners' certificate for Envoy."""
        return self.directory / "server-certificate.json"

    @property
    def tls_client_secrets_file(self) -> Path:
        """Names the file of the authorities of client certificates for Envoy."""
        return self.directory / "client-authorities.json"
