"""TLS of the two public listeners. Envoy reads the files again when they change, and keeps the old ones if the new ones are bad."""

import ipaddress
import json
from collections.abc import Sequence
from pathlib import Path

from betterproto2 import Casing
from envoy_data_plane.envoy.config.core import v3 as core
from envoy_data_plane.envoy.extensions.transport_sockets.tls import v3 as tls
from envoy_data_plane.envoy.service.discovery import v3 as discovery

from megarouter_envoy.options import BootstrapOptions, ListenerTls
from megarouter_envoy.typed_config import pack

PROTOCOLS = ("h2", "http/1.1")
SERVER_CERTIFICATE = "server-certificate"
CLIENT_AUTHORITIES = "client-authorities"


class PlainHttpRefusedError(ValueError):
    """The public listeners would serve plain HTTP to other machines. The message says what to set."""


class CertificateFilesError(ValueError):
    """The certificate's files cannot be watched. The message says what to change."""


def require_tls(options: BootstrapOptions) -> None:
    """Refuses plain HTTP on addresses that other machines reach, unless it is explicitly allowed, such as behind another proxy.

    Raises:
        PlainHttpRefusedError: the listeners need TLS.
    """
    if options.tls is None and not options.allow_plain_http and not _is_loopback(options.listen_address):
        raise PlainHttpRefusedError(
            f"plain HTTP on {options.listen_address} would show API keys to the network: set a certificate and a key,"
            " or allow plain HTTP explicitly if something in front of this listener ends TLS"
        )


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def transport_socket(listener_tls: ListenerTls | None) -> core.TransportSocket | None:
    """Returns TLS for a listener: version 1.2 or newer, HTTP/2 or HTTP/1.1, and client certificates if an authority is named."""
    if listener_tls is None:
        return None
    common = tls.CommonTlsContext(
        tls_params=tls.TlsParameters(tls_minimum_protocol_version=tls.TlsParametersTlsProtocol.TLSv1_2),
        alpn_protocols=list(PROTOCOLS),
        tls_certificate_sds_secret_configs=[_from_file(SERVER_CERTIFICATE, listener_tls.secrets_file)],
    )
    if listener_tls.client_authorities_file is not None:
        common.validation_context_sds_secret_config = _from_file(CLIENT_AUTHORITIES, listener_tls.client_secrets_file)
    context = tls.DownstreamTlsContext(
        common_tls_context=common, require_client_certificate=listener_tls.client_authorities_file is not None
    )
    return core.TransportSocket(name="envoy.transport_sockets.tls", typed_config=pack(context))


def _from_file(name: str, path: Path) -> tls.SdsSecretConfig:
    source = core.ConfigSource(
        resource_api_version=core.ApiVersion.V3, path_config_source=core.PathConfigSource(path=str(path))
    )
    return tls.SdsSecretConfig(name=name, sds_config=source)


def write_secrets(listener_tls: ListenerTls) -> None:
    """Writes the files that tell Envoy which certificate files to read and to watch. They contain no secret themselves.

    Raises:
        CertificateFilesError: certificate and key are in different directories, so Envoy could not read both at once.
    """
    certificate, key = listener_tls.certificate_file, listener_tls.key_file
    if certificate.parent != key.parent:
        raise CertificateFilesError(
            f"{key} must be in the same directory as {certificate}, because Envoy watches that directory for changes"
        )
    server = tls.TlsCertificate(
        certificate_chain=_file(certificate), private_key=_file(key), watched_directory=_watched(certificate.parent)
    )
    _write(listener_tls.secrets_file, [tls.Secret(name=SERVER_CERTIFICATE, tls_certificate=server)])
    authorities = listener_tls.client_authorities_file
    if authorities is not None:
        clients = tls.CertificateValidationContext(
            trusted_ca=_file(authorities), watched_directory=_watched(authorities.parent)
        )
        _write(listener_tls.client_secrets_file, [tls.Secret(name=CLIENT_AUTHORITIES, validation_context=clients)])


def _file(path: Path) -> core.DataSource:
    return core.DataSource(filename=str(path))


def _watched(directory: Path) -> core.WatchedDirectory:
    """Returns a directory whose files may be replaced by renaming, as Kubernetes does, or written in place."""
    return core.WatchedDirectory(path=str(directory), watch_modify=True)


def _write(path: Path, secrets: Sequence[tls.Secret]) -> None:
    """Replaces the file atomically, because Envoy reads it again whenever it changes."""
    response = discovery.DiscoveryResponse(resources=[pack(secret) for secret in secrets])
    text = json.dumps(response.to_dict(casing=Casing.SNAKE), indent=2, sort_keys=True) + "\n"
    arriving = path.with_name(f"{path.name}.new")
    arriving.write_text(text, encoding="utf-8")
    arriving.replace(path)
