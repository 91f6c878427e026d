"""The listener of model calls."""

from envoy_data_plane.envoy.config.listener import v3 as listener
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager import v3 as hcm

from megarouter_envoy.clusters.discovery import over_the_stream
from megarouter_envoy.filters.model_filters import model_filters
from megarouter_envoy.listeners.connection_manager import hardened_manager, public_listener
from megarouter_envoy.listeners.model_routes import model_routes
from megarouter_envoy.logs.access_logs import journal, refusal_stream, usage_streams
from megarouter_envoy.logs.tracing import remember_path
from megarouter_envoy.names import MODEL_LISTENER, MODEL_ROUTES
from megarouter_envoy.options import BootstrapOptions
from megarouter_envoy.replies.local_replies import local_replies


def model_listener(options: BootstrapOptions) -> listener.Listener:
    """Returns the listener that every model call passes."""
    manager = hardened_manager("model", options)
    # SDKs write a slash inside a model name as %2F. Redirect the client to the plain form, so that the same path is
    # decided on, logged and forwarded.
    manager.path_with_escaped_slashes_action = (
        hcm.HttpConnectionManagerPathWithEscapedSlashesAction.UNESCAPE_AND_REDIRECT
    )
    manager.access_log = [*usage_streams(), refusal_stream(), journal(options.journal_path)]
    manager.local_reply_config = local_replies()
    if options.discovery is None:
        manager.route_config = model_routes(options)
    else:
        manager.rds = hcm.Rds(config_source=over_the_stream(), route_config_name=MODEL_ROUTES)
    manager.http_filters = [*remember_path(options.otlp_endpoint), *model_filters(options)]
    return public_listener(MODEL_LISTENER, options.model_port, manager, options)
