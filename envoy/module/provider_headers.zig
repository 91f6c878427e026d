//! Removes every request header that a provider does not need: what is not listed identifies the caller or its network, or
//! makes the provider do something that has no price here. Removes the response headers that a caller must not see.

const std = @import("std");
const contract = @import("contract.zig");
const envoy = @import("envoy.zig");

const usual_count = 64;
/// Room for the names of the headers of most calls.
const usual_bytes = 4096;

/// What passes to a provider of a dialect. Without a dialect, nothing passes.
const Passed = struct {
    dialect: ?contract.Dialect,
    control_prefix: []const u8,

    fn isRemoved(self: Passed, name: []const u8) bool {
        const dialect = self.dialect orelse return true;
        if (std.mem.startsWith(u8, name, ":") or isOneOf(&contract.passed_headers, name)) return false;
        if (isOneOf(contract.passedHeadersOf(dialect), name)) return false;
        return self.control_prefix.len == 0 or !std.mem.startsWith(u8, name, self.control_prefix);
    }
};

/// What a caller does not receive of a provider's response.
const Kept = struct {
    fn isRemoved(_: Kept, name: []const u8) bool {
        for (contract.kept_prefixes) |prefix| {
            if (std.mem.startsWith(u8, name, prefix)) return true;
        }
        return isOneOf(&contract.kept_headers, name);
    }
};

const Prefixed = struct {
    prefix: []const u8,

    fn isRemoved(self: Prefixed, name: []const u8) bool {
        return std.mem.startsWith(u8, name, self.prefix);
    }
};

fn isOneOf(names: []const []const u8, name: []const u8) bool {
    for (names) |one| {
        if (std.mem.eql(u8, one, name)) return true;
    }
    return false;
}

/// Removes what does not pass to a provider of this dialect, and every trailer. Headers that begin with `control_prefix`
/// pass too, if it is not empty.
pub fn cleanRequest(stream: envoy.Stream, dialect: contract.Dialect, control_prefix: []const u8, allocator: std.mem.Allocator) error{OutOfMemory}!void {
    try remove(stream, .request, Passed{ .dialect = dialect, .control_prefix = control_prefix }, allocator);
    try remove(stream, .request_trailers, Passed{ .dialect = null, .control_prefix = "" }, allocator);
}

/// Removes the headers of a request whose names begin with a prefix.
pub fn removePrefix(stream: envoy.Stream, prefix: []const u8, allocator: std.mem.Allocator) error{OutOfMemory}!void {
    try remove(stream, .request, Prefixed{ .prefix = prefix }, allocator);
}

/// Removes what a caller does not receive of a provider's response.
pub fn cleanResponse(stream: envoy.Stream, allocator: std.mem.Allocator) error{OutOfMemory}!void {
    try remove(stream, .response, Kept{}, allocator);
}

fn remove(stream: envoy.Stream, kind: envoy.Headers, rule: anytype, allocator: std.mem.Allocator) error{OutOfMemory}!void {
    var places: [usual_count]envoy.Header = undefined;
    const count = envoy.headerCount(stream, kind);
    const headers = if (count <= usual_count) places[0..count] else try allocator.alloc(envoy.Header, count);
    defer if (count > usual_count) allocator.free(headers);
    if (count == 0 or !envoy.readHeaders(stream, kind, headers)) return;

    // Removing a header invalidates the names of all, so those to remove are copied first, one after the other.
    var room: [usual_bytes]u8 = undefined;
    var total: usize = 0;
    for (headers) |*header| {
        if (rule.isRemoved(header.key.bytes())) total += header.key.length else header.key = .{};
    }
    if (total == 0) return;
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
