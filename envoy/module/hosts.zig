//! The host that a request names. The gateway routes by no host, but what stands in front of it or writes its log may read
//! another one of several than the gateway does.

const std = @import("std");
const envoy = @import("envoy.zig");

/// Returns whether a request names several hosts. Envoy joins several `Host` lines with commas.
pub fn namesSeveral(stream: envoy.Stream) bool {
    var count: usize = 0;
    const authority = envoy.headerAt(stream, .request, ":authority", 0, &count) orelse return false;
    return count > 1 or std.mem.indexOfScalar(u8, authority, ',') != null;
}
