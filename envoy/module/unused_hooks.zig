//! Hooks that Envoy requires but this module does not need, because it streams no calls of its own and schedules nothing.

const filter_names = [_][]const u8{
    "config_http_callout_done",
    "config_scheduled",
    "downstream_above_write_buffer_high_watermark",
    "downstream_below_write_buffer_low_watermark",
    "http_stream_complete",
    "http_stream_data",
    "http_stream_headers",
    "http_stream_reset",
    "http_stream_trailers",
    "local_reply",
    "scheduled",
};

const extension_names = [_][]const u8{
    "admin_request",
    "cluster_add_or_update",
    "cluster_removal",
    "config_scheduled",
    "file_changed",
    "http_callout_done",
    "listener_add_or_update",
    "listener_removal",
    "server_initialized",
    "worker_thread_initialized",
};

/// Accepts any arguments. Zero lets a local reply continue; the other hooks return nothing.
fn nothing() callconv(.c) c_int {
    return 0;
}

comptime {
    for (filter_names) |name| @export(&nothing, .{ .name = "envoy_dynamic_module_on_http_filter_" ++ name });
    for (extension_names) |name| @export(&nothing, .{ .name = "envoy_dynamic_module_on_bootstrap_extension_" ++ name });
}
