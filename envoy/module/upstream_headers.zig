//! Removes every request header that a provider does not need. What is not listed identifies the caller or its network, or
//! makes the provider do something that has no price here.

const std = @import("std");
const contract = @import("contract.zig");
const envoy = @import("envoy.zig");

const usual_count = 64;
/// Room for the names of the headers of most calls.
const usual_bytes = 4096;

/// Without a dialect, nothing passes.
fn passes(dialect: ?contract.Dialect, control_prefix: []const u8, name: []const u8) bool {
    const known = dialect orelse return false;
    if (std.mem.startsWith(u8, name, ":")) return true;
    for (contract.passed_headers) |passed| {
        if (std.mem.eql(u8, passed, name)) return true;
    }
    for (contract.passedHeadersOf(known)) |passed| {
        if (std.mem.eql(u8, passed, name)) return true;
    }
    return control_prefix.len > 0 and std.mem.startsWith(u8, name, control_prefix);
}

/// Removes what does not pass to a provider of this dialect, and every trailer. Headers that begin with `control_prefix`
/// pass too, if it is not empty.
pub fn clean(stream: envoy.Stream, dialect: contract.Dialect, control_prefix: []const u8, allocator: std.mem.Allocator) error{OutOfMemory}!void {
    try remove(stream, .request, dialect, control_prefix, allocator);
    try remove(stream, .request_trailers, null, "", allocator);
}

fn remove(stream: envoy.Stream, kind: envoy.Headers, dialect: ?contract.Dialect, control_prefix: []const u8, allocator: std.mem.Allocator) error{OutOfMemory}!void {
    var places: [usual_count]envoy.Header = undefined;
    const count = envoy.headerCount(stream, kind);
    const headers = if (count <= usual_count) places[0..count] else try allocator.alloc(envoy.Header, count);
    defer if (count > usual_count) allocator.free(headers);
    if (count == 0 or !envoy.readHeaders(stream, kind, headers)) return;

    // Removing a header invalidates the names of all, so those to remove are copied first, one after the other.
    var room: [usual_bytes]u8 = undefined;
    var total: usize = 0;
    for (headers) |*header| {
        if (passes(dialect, control_prefix, header.key.bytes())) header.key = .{} else total += header.key.length;
    }
    const names = if (total <= usual_bytes) room[0..total] else try allocator.alloc(u8, total);
    defer if (total > usual_bytes) allocator.free(names);
    var used: usize = 0;
    for (headers) |*header| {
        const name = header.key.bytes();
        @memcpy(names[used..][0..name.len], name);
        header.key = .of(names[used..][0..name.len]);
        used += name.len;
    }
    for (headers) |header| {
        if (header.key.length > 0) envoy.removeHeader(stream, kind, header.key.bytes());
    }
}
