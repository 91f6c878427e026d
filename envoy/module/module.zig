//! The module that Envoy loads: its hooks, which dispatch each call to one of its filters. `connection_filter.zig` has
//! those of connections, and `ending.zig` those of the end of Envoy.

const std = @import("std");
const envoy = @import("envoy.zig");
const Arrival = @import("arrival.zig").Arrival;
const Attempt = @import("attempt_filter.zig").Attempt;
const Call = @import("rewriter_filter.zig").Call;
const Configuration = @import("configuration.zig").Configuration;
const Visit = @import("admin_door.zig").Visit;
const worker = @import("worker.zig");

const allocator = std.heap.c_allocator;

pub const panic = std.debug.FullPanic(end);

comptime {
    _ = @import("connection_filter.zig");
    _ = @import("door_probes.zig");
    _ = @import("ending.zig");
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

const Kind = enum(u2) { request_facts, rewriter, admin_door, attempt };

const Configured = struct { kind: Kind, configuration: Configuration };

/// The state of a filter. Envoy keeps it as one pointer, whose lowest bits, which are 0 in every address, are its kind.
const Filter = union(Kind) {
    request_facts: *Arrival,
    rewriter: *Call,
    admin_door: *Visit,
    attempt: *Attempt,

    const kind_mask: usize = 0b11;

    fn create(configured: *Configured) ?*anyopaque {
        const address = switch (configured.kind) {
            .request_facts => @intFromPtr(Arrival.create(&configured.configuration) orelse return null),
            .rewriter => @intFromPtr(Call.create(&configured.configuration) orelse return null),
            .admin_door => @intFromPtr(Visit.create(&configured.configuration) orelse return null),
            .attempt => @intFromPtr(Attempt.create(&configured.configuration) orelse return null),
        };
        return @ptrFromInt(address | @backingInt(configured.kind));
    }

    fn of(state: *anyopaque) Filter {
        const address = @intFromPtr(state) & ~kind_mask;
        const kind: Kind = @fromBackingInt(@as(u2, @truncate(@intFromPtr(state) & kind_mask)));
        return switch (kind) {
            .request_facts => .{ .request_facts = @ptrFromInt(address) },
            .rewriter => .{ .rewriter = @ptrFromInt(address) },
            .admin_door => .{ .admin_door = @ptrFromInt(address) },
            .attempt => .{ .attempt = @ptrFromInt(address) },
        };
    }
};

/// Null makes Envoy refuse to load the module.
export fn envoy_dynamic_module_on_program_init() callconv(.c) ?[*:0]const u8 {
    worker.prepare() catch return null;
    return envoy.abi_version;
}

/// Null makes Envoy refuse its own configuration as a whole.
export fn envoy_dynamic_module_on_http_filter_config_new(_: *anyopaque, name: envoy.Slice, config: envoy.Slice) callconv(.c) ?*anyopaque {
    const kind = std.meta.stringToEnum(Kind, name.bytes()) orelse return null;
    const configured = allocator.create(Configured) catch return null;
    configured.* = .{ .kind = kind, .configuration = Configuration.read(config.bytes()) catch {
        allocator.destroy(configured);
        return null;
    } };
    return configured;
}

export fn envoy_dynamic_module_on_http_filter_config_destroy(config: *Configured) callconv(.c) void {
    config.configuration.deinit();
    allocator.destroy(config);
}

export fn envoy_dynamic_module_on_http_filter_new(config: *Configured, _: envoy.Stream) callconv(.c) ?*anyopaque {
    return Filter.create(config);
}

export fn envoy_dynamic_module_on_http_filter_destroy(state: *anyopaque) callconv(.c) void {
    switch (Filter.of(state)) {
        inline else => |filter| filter.destroy(),
    }
}

export fn envoy_dynamic_module_on_http_filter_request_headers(stream: envoy.Stream, state: *anyopaque, is_end: bool) callconv(.c) envoy.HeadersStatus {
    return switch (Filter.of(state)) {
        .request_facts => |arrival| arrival.begin(stream, is_end),
        .rewriter => |call| if (is_end and call.rewrite(stream, &.{})) .proceed else .stop,
        .admin_door => |visit| visit.begin(stream, is_end),
        .attempt => |attempt| attempt.begin(stream, is_end),
    };
}

export fn envoy_dynamic_module_on_http_filter_request_body(stream: envoy.Stream, state: *anyopaque, is_end: bool) callconv(.c) envoy.BodyStatus {
    return switch (Filter.of(state)) {
        .request_facts => |arrival| arrival.readBody(stream, is_end),
        .rewriter => |call| rewritten: {
            if (!is_end) break :rewritten .stop_and_buffer;
            break :rewritten if (call.rewrite(stream, envoy.requestBodies(stream))) .proceed else .stop;
        },
        .admin_door => |visit| visit.readBody(stream, is_end),
        .attempt => |attempt| attempt.readBody(stream, is_end),
    };
}

export fn envoy_dynamic_module_on_http_filter_request_trailers(stream: envoy.Stream, state: *anyopaque) callconv(.c) envoy.HeadersStatus {
    return switch (Filter.of(state)) {
        .request_facts => |arrival| arrival.endBody(stream),
        .rewriter => |call| if (call.rewrite(stream, &.{.buffered_request})) .proceed else .stop,
        .admin_door => |visit| visit.endBody(stream),
        .attempt => .proceed,
    };
}

/// Handles the answer to a question of the module.
export fn envoy_dynamic_module_on_http_filter_http_callout_done(
    stream: envoy.Stream,
    state: *anyopaque,
    _: u64,
    result: c_int,
    headers: ?[*]const envoy.Header,
    header_count: usize,
    pieces: ?[*]const envoy.Slice,
    piece_count: usize,
) callconv(.c) void {
    const reply: envoy.Reply = .{
        .is_complete = result == 0,
        .headers = if (headers) |first| first[0..header_count] else &.{},
        .pieces = if (pieces) |first| first[0..piece_count] else &.{},
    };
    switch (Filter.of(state)) {
        .request_facts => |arrival| arrival.hear(stream, reply),
        .rewriter, .attempt => {},
        .admin_door => |visit| visit.hear(stream, reply),
    }
}

export fn envoy_dynamic_module_on_http_filter_response_headers(stream: envoy.Stream, state: *anyopaque, is_end: bool) callconv(.c) envoy.HeadersStatus {
    switch (Filter.of(state)) {
        .request_facts => |arrival| arrival.learn(stream),
        .rewriter => |call| return call.beginResponse(stream, is_end),
        .admin_door => |visit| visit.learn(stream),
        .attempt => |attempt| return attempt.learn(stream, is_end),
    }
    return .proceed;
}

export fn envoy_dynamic_module_on_http_filter_response_body(stream: envoy.Stream, state: *anyopaque, is_end: bool) callconv(.c) envoy.BodyStatus {
    return switch (Filter.of(state)) {
        .request_facts, .admin_door => .proceed,
        .rewriter => |call| call.readResponse(stream, is_end),
        .attempt => |attempt| attempt.readResponse(stream, is_end),
    };
}

export fn envoy_dynamic_module_on_http_filter_response_trailers(stream: envoy.Stream, state: *anyopaque) callconv(.c) envoy.HeadersStatus {
    return switch (Filter.of(state)) {
        .request_facts, .admin_door => .proceed,
        .rewriter => |call| call.endResponse(stream),
        .attempt => |attempt| attempt.endResponse(stream),
    };
}

export fn envoy_dynamic_module_on_http_filter_stream_complete(stream: envoy.Stream, state: *anyopaque) callconv(.c) void {
    switch (Filter.of(state)) {
        .request_facts, .admin_door, .attempt => {},
        .rewriter => |call| call.finish(stream),
    }
}
