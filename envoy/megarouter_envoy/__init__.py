"""Envoy's configuration, built from typed messages."""

from megarouter_envoy.binary import BinaryNotFoundError, InvalidBootstrapError, command, find_binary, validate
from megarouter_envoy.bootstrap import build_bootstrap
from megarouter_envoy.clusters.credentials import credential_for, write_secret_file
from megarouter_envoy.filters.admin_api import prepare_admin_api
from megarouter_envoy.module import ModuleNotBuiltError, find_module
from megarouter_envoy.options import (
    AdminApi,
    BootstrapOptions,
    Credential,
    IdentityProvider,
    Limits,
    ProviderTarget,
    ServiceSockets,
)

__all__ = [
    "AdminApi",
    "BinaryNotFoundError",
    "BootstrapOptions",
    "Credential",
    "IdentityProvider",
    "InvalidBootstrapError",
    "Limits",
    "ModuleNotBuiltError",
    "ProviderTarget",
    "ServiceSockets",
    "build_bootstrap",
    "command",
    "credential_for",
    "find_binary",
    "find_module",
    "prepare_admin_api",
    "validate",
    "write_secret_file",
]
