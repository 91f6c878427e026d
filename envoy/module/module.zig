//! The module that Envoy loads: its hooks, which dispatch each call to one of the two filters.

const std = @import("std");
const envoy = @import("envoy.zig");
const facts_filter = @import("facts_filter.zig");
const Configuration = @import("configuration.zig").Configuration;
const Call = @import("rewriter_filter.zig").Call;

const allocator = std.heap.c_allocator;

pub const panic = std.debug.FullPanic(end);

comptime {
    _ = @import("probes.zig");
    _ = @import("unused_hooks.zig");
}

/// Ends Envoy with one line that gives the reason. Envoy is restarted, and no call has been half processed.
fn end(message: []const u8, _: ?usize) noreturn {
    const start = "megarouter module: ";
    _ = std.c.write(2, start.ptr, start.len);
    _ = std.c.write(2, message.ptr, message.len);
    _ = std.c.write(2, "\n", 1);
    std.c.abort();
}

const Kind = enum { request_facts, rewriter };

const Configured = struct { kind: Kind, configuration: Configuration = .{} };

/// The configuration, and the state of filters without any. Only its address matters.
var facts_configuration: Configured = .{ .kind = .request_facts };

const Filter = union(Kind) { request_facts: void, rewriter: *Call };

/// The state of a `request_facts` filter is the address of its configuration; that of a `rewriter` is the address of
/// its call.
fn filterOf(state: *anyopaque) Filter {
    if (state == @as(*anyopaque, @ptrCast(&facts_configuration))) return .request_facts;
    return .{ .rewriter = @ptrCast(@alignCast(state)) };
}

export fn envoy_dynamic_module_on_program_init() callconv(.c) [*:0]const u8 {
    return envoy.abi_version;
}

/// Only the rewriter has a configuration. Null makes Envoy refuse its own as a whole.
export fn envoy_dynamic_module_on_http_filter_config_new(_: *anyopaque, name: envoy.Slice, config: envoy.Slice) callconv(.c) ?*anyopaque {
    const kind = std.meta.stringToEnum(Kind, name.bytes()) orelse return null;
    if (kind == .request_facts) return &facts_configuration;
    const configured = allocator.create(Configured) catch return null;
    configured.* = .{ .kind = kind, .configuration = Configuration.read(config.bytes()) catch {
        allocator.destroy(configured);
        return null;
    } };
    return configured;
}

export fn envoy_dynamic_module_on_http_filter_config_destroy(config: *Configured) callconv(.c) void {
    if (config.kind == .request_facts) return;
    config.configuration.deinit();
    allocator.destroy(config);
}

export fn envoy_dynamic_module_on_http_filter_new(config: *Configured, _: envoy.Stream) callconv(.c) ?*anyopaque {
    return switch (config.kind) {
        .request_facts => config,
        .rewriter => Call.create(&config.configuration),
    };
}

export fn envoy_dynamic_module_on_http_filter_destroy(state: *anyopaque) callconv(.c) void {
    switch (filterOf(state)) {
        .request_facts => {},
        .rewriter => |call| call.destroy(),
    }
}

/// Handles the complete request. Returns whether it may continue.
fn onRequest(stream: envoy.Stream, state: *anyopaque, bodies: []const envoy.Body) bool {
    switch (filterOf(state)) {
        .request_facts => {
            facts_filter.read(stream, bodies);
            return true;
        },
        .rewriter => |call| return call.rewrite(stream, bodies),
    }
}

export fn envoy_dynamic_module_on_http_filter_request_headers(stream: envoy.Stream, state: *anyopaque, is_end: bool) callconv(.c) envoy.HeadersStatus {
    if (!is_end) return .stop;
    return if (onRequest(stream, state, &.{})) .proceed else .stop;
}

export fn envoy_dynamic_module_on_http_filter_request_body(stream: envoy.Stream, state: *anyopaque, is_end: bool) callconv(.c) envoy.BodyStatus {
    if (!is_end) return .stop_and_buffer;
    return if (onRequest(stream, state, envoy.requestBodies(stream))) .proceed else .stop;
}

export fn envoy_dynamic_module_on_http_filter_request_trailers(stream: envoy.Stream, state: *anyopaque) callconv(.c) envoy.HeadersStatus {
    return if (onRequest(stream, state, &.{.buffered_request})) .proceed else .stop;
}

export fn envoy_dynamic_module_on_http_filter_response_headers(stream: envoy.Stream, state: *anyopaque, is_end: bool) callconv(.c) envoy.HeadersStatus {
    return switch (filterOf(state)) {
        .request_facts => .proceed,
        .rewriter => |call| call.beginResponse(stream, is_end),
    };
}

export fn envoy_dynamic_module_on_http_filter_response_body(stream: envoy.Stream, state: *anyopaque, is_end: bool) callconv(.c) envoy.BodyStatus {
    return switch (filterOf(state)) {
        .request_facts => .proceed,
        .rewriter => |call| call.readResponse(stream, is_end),
    };
}

export fn envoy_dynamic_module_on_http_filter_response_trailers(stream: envoy.Stream, state: *anyopaque) callconv(.c) envoy.HeadersStatus {
    return switch (filterOf(state)) {
        .request_facts => .proceed,
        .rewriter => |call| call.endResponse(stream),
    };
}

export fn envoy_dynamic_module_on_http_filter_stream_complete(stream: envoy.Stream, state: *anyopaque) callconv(.c) void {
    switch (filterOf(state)) {
        .request_facts => {},
        .rewriter => |call| call.finish(stream),
    }
}
