//! Removes every request header that a provider does not need. What is not listed identifies the caller or its network, or
//! makes the provider do something that has no price here.

const std = @import("std");
const contract = @import("contract.zig");
const envoy = @import("envoy.zig");

const usual_count = 64;
/// Room for the names of the headers of most calls.
const usual_bytes = 4096;

/// The beginning of the names of headers that control a mock provider; empty where none runs. It is set once, before any
/// call.
var control_prefix_room: [32]u8 = undefined;
var control_prefix: []const u8 = "";

/// Returns whether the prefix has room.
pub fn setControlPrefix(prefix: []const u8) bool {
    if (prefix.len > control_prefix_room.len) return false;
    @memcpy(control_prefix_room[0..prefix.len], prefix);
    control_prefix = control_prefix_room[0..prefix.len];
    return true;
}

pub fn passes(dialect: contract.Dialect, name: []const u8) bool {
    if (std.mem.startsWith(u8, name, ":")) return true;
    if (control_prefix.len > 0 and std.mem.startsWith(u8, name, control_prefix)) return true;
    for (contract.passed_headers) |passed| {
        if (std.mem.eql(u8, passed, name)) return true;
    }
    for (contract.passedHeadersOf(dialect)) |passed| {
        if (std.mem.eql(u8, passed, name)) return true;
    }
    return false;
}

fn goesOn(dialect: ?contract.Dialect, name: []const u8) bool {
    return if (dialect) |known| passes(known, name) else false;
}

/// Removes what does not pass to a provider of this dialect, and every trailer.
pub fn clean(stream: envoy.Stream, dialect: contract.Dialect, allocator: std.mem.Allocator) error{OutOfMemory}!void {
    try remove(stream, .request, dialect, allocator);
    try remove(stream, .request_trailers, null, allocator);
}

/// Without a dialect, nothing passes.
fn remove(stream: envoy.Stream, kind: envoy.Headers, dialect: ?contract.Dialect, allocator: std.mem.Allocator) error{OutOfMemory}!void {
    var places: [usual_count]envoy.Header = undefined;
    const count = envoy.headerCount(stream, kind);
    const headers = if (count <= usual_count) places[0..count] else try allocator.alloc(envoy.Header, count);
    defer if (count > usual_count) allocator.free(headers);
    if (count == 0 or !envoy.readHeaders(stream, kind, headers)) return;

    // Removing a header invalidates the names of all, so those to remove are copied first, one after the other.
    var room: [usual_bytes]u8 = undefined;
    var total: usize = 0;
    for (headers) |header| {
        if (!goesOn(dialect, header.key.bytes())) total += header.key.length;
    }
    const names = if (total <= usual_bytes) room[0..total] else try allocator.alloc(u8, total);
    defer if (total > usual_bytes) allocator.free(names);
    var used: usize = 0;
    for (headers) |*header| {
        const name = header.key.bytes();
        if (goesOn(dialect, name)) {
            header.key = .{};
            continue;
        }
        @memcpy(names[used..][0..name.len], name);
        header.key = .of(names[used..][0..name.len]);
        used += name.len;
    }
    for (headers) |header| {
        if (header.key.length > 0) envoy.removeHeader(stream, kind, header.key.bytes());
    }
}
