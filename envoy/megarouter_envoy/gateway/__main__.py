"""`python -m megarouter_envoy.gateway`: writes the files of a container's Envoy from `MEGAROUTER_*` variables, then ends."""

import os
import sys

from megarouter_envoy.filters.admin_api import DESCRIPTOR_FILE
from megarouter_envoy.gateway.configuration import write_configuration
from megarouter_envoy.gateway.container import ContainerError, container_plan, prepare_folder
from megarouter_envoy.gateway.secret_files import token_sources, write_credentials
from megarouter_envoy.listeners.tls import CertificateFilesError
from megarouter_envoy.replies.console_files import ConsoleNotBuiltError
from megarouter_envoy.settings.admin_edge import AdminEdgeError
from megarouter_envoy.settings.catalog_summary import CatalogRefusedError, summarize
from megarouter_envoy.settings.drain_grace import DrainGraceError
from megarouter_envoy.settings.providers import ProviderError
from megarouter_envoy.settings.public_listeners import PublicListenersError

_REFUSALS = (
    AdminEdgeError,
    CatalogRefusedError,
    CertificateFilesError,
    ConsoleNotBuiltError,
    ContainerError,
    DrainGraceError,
    ProviderError,
    PublicListenersError,
    OSError,
)


def main() -> int:
    """Returns 0 if the files are written."""
    os.umask(0o077)
    try:
        planned = container_plan(os.environ, summarize)
        plan, folder = planned.gateway, planned.gateway.folder
        prepare_folder(folder, DESCRIPTOR_FILE)
        write_credentials(folder, plan.routes)
        folder.token_sources_file.write_text(token_sources(folder, plan.routes), encoding="utf-8")
        folder.bootstrap_file.write_text(write_configuration(plan), encoding="utf-8")
    except _REFUSALS as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if planned.left_out:
        sys.stdout.write(f"no credential, so calls of these targets get 503: {', '.join(planned.left_out)}\n")
    sys.stdout.write(f"written: {folder.bootstrap_file}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
