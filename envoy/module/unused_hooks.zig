//! Hooks that Envoy insists on and that mean nothing to us: they make no calls of their own and schedule nothing.

const names = [_][]const u8{
    "config_http_callout_done",
    "config_scheduled",
    "downstream_above_write_buffer_high_watermark",
    "downstream_below_write_buffer_low_watermark",
    "http_callout_done",
    "http_stream_complete",
    "http_stream_data",
    "http_stream_headers",
    "http_stream_reset",
    "http_stream_trailers",
    "local_reply",
    "scheduled",
};

/// Takes whatever arguments there are. Zero lets a local reply go on; the other hooks return nothing.
fn nothing() callconv(.c) c_int {
    return 0;
}

comptime {
    for (names) |name| @export(&nothing, .{ .name = "envoy_dynamic_module_on_http_filter_" ++ name });
}
