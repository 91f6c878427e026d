"""The folder that admin_service and its Envoy share."""

from dataclasses import dataclass
from pathlib import Path

from gateway_core.model.deployments.live_configuration import LAST_GOOD_FILE, OPTIONS_FILE
from megarouter_envoy.gateway.folder import EnvoyFolder


@dataclass(frozen=True)
class LiveFolder:
    """The directory, and the paths of the files in it. Only the user of both processes can read them."""

    directory: Path

    @property
    def options_file(self) -> Path:
        """The options of the bootstrap, without the console: what clusters are made from besides the database."""
        return self.directory / OPTIONS_FILE

    @property
    def last_good_file(self) -> Path:
        """The configuration that Envoy accepted last. It contains no secret."""
        return self.directory / LAST_GOOD_FILE

    @property
    def secrets(self) -> EnvoyFolder:
        """The folder of the credentials that come from the API."""
        return EnvoyFolder(self.directory)
