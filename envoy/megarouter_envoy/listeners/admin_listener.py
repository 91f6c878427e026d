"""The listener of the admin API: gRPC, gRPC-Web and REST on one port."""

from envoy_data_plane.envoy.config.listener import v3 as listener
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager import v3 as hcm

from megarouter_envoy.filters.admin_filters import admin_filters
from megarouter_envoy.listeners.admin_routes import admin_routes
from megarouter_envoy.listeners.connection_manager import hardened_manager, public_listener
from megarouter_envoy.logs.tracing import remember_path
from megarouter_envoy.names import ADMIN_LISTENER
from megarouter_envoy.options import BootstrapOptions
from megarouter_envoy.replies.admin_replies import admin_replies
from megarouter_envoy.typed_config import seconds


def admin_listener(options: BootstrapOptions) -> listener.Listener:
    """Returns the listener.

    Envoy translates, verifies token signatures and reports the client; admin_service checks permissions.
    """
    manager = hardened_manager("admin_api", options)  # Envoy counts its own admin page as `admin`
    manager.path_with_escaped_slashes_action = hcm.HttpConnectionManagerPathWithEscapedSlashesAction.REJECT_REQUEST
    manager.request_timeout = seconds(options.limits.admin_request_timeout_s)
    manager.local_reply_config = admin_replies()
    manager.route_config = admin_routes(options)
    manager.http_filters = [*remember_path(options.otlp_endpoint), *admin_filters(options)]
    return public_listener(ADMIN_LISTENER, options.admin_port, manager, options)
