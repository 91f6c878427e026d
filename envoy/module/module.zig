//! The module that Envoy loads: its hooks, which dispatch each call to one of the two filters.

const std = @import("std");
const envoy = @import("envoy.zig");
const facts_filter = @import("facts_filter.zig");
const upstream_headers = @import("upstream_headers.zig");
const Call = @import("rewriter_filter.zig").Call;

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

/// The configurations, and the state of filters without any. Only their addresses matter.
var kinds = std.enums.values(Kind)[0..2].*;

const Filter = union(Kind) { request_facts: void, rewriter: *Call };

/// The state of a `request_facts` filter is the address of its configuration; that of a `rewriter` is the address of
/// its call.
fn filterOf(state: *anyopaque) Filter {
    if (state == @as(*anyopaque, @ptrCast(&kinds[0]))) return .request_facts;
    return .{ .rewriter = @ptrCast(@alignCast(state)) };
}

export fn envoy_dynamic_module_on_program_init() callconv(.c) [*:0]const u8 {
    return envoy.abi_version;
}

export fn envoy_dynamic_module_on_http_filter_config_new(_: *anyopaque, name: envoy.Slice, config: envoy.Slice) callconv(.c) ?*anyopaque {
    const kind = std.meta.stringToEnum(Kind, name.bytes()) orelse return null;
    if (kind == .rewriter and !upstream_headers.setControlPrefix(config.bytes())) return null;
    return &kinds[@backingInt(kind)];
}

export fn envoy_dynamic_module_on_http_filter_config_destroy(_: *anyopaque) callconv(.c) void {}

export fn envoy_dynamic_module_on_http_filter_new(config: *Kind, _: envoy.Stream) callconv(.c) ?*anyopaque {
    return switch (config.*) {
        .request_facts => config,
        .rewriter => Call.create(),
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
    switch (filterOf(state)) {
        .request_facts => {},
        .rewriter => |call| call.beginAnswer(stream, is_end),
    }
    return .proceed;
}

export fn envoy_dynamic_module_on_http_filter_response_body(stream: envoy.Stream, state: *anyopaque, is_end: bool) callconv(.c) envoy.BodyStatus {
    switch (filterOf(state)) {
        .request_facts => {},
        .rewriter => |call| {
            call.answer.push(stream);
            if (is_end) call.answer.finish(stream);
        },
    }
    return .proceed;
}

export fn envoy_dynamic_module_on_http_filter_response_trailers(stream: envoy.Stream, state: *anyopaque) callconv(.c) envoy.HeadersStatus {
    switch (filterOf(state)) {
        .request_facts => {},
        .rewriter => |call| call.answer.finish(stream),
    }
    return .proceed;
}

export fn envoy_dynamic_module_on_http_filter_stream_complete(stream: envoy.Stream, state: *anyopaque) callconv(.c) void {
    switch (filterOf(state)) {
        .request_facts => {},
        .rewriter => |call| call.answer.abandon(stream),
    }
}
