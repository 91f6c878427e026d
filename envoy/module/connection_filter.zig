//! The network filter of both public listeners: it keeps the list of strangers, and closes those whose place another one
//! takes.

const std = @import("std");
const addresses = @import("addresses.zig");
const envoy = @import("envoy.zig");
const strangers = @import("strangers.zig");
const worker_state = @import("worker.zig");

const allocator = std.heap.c_allocator;

/// How many bytes Envoy reads from a stranger at a time. Reading more costs most of what refusing a large body costs.
const stranger_bytes_max = 65_536;

const Status = enum(c_int) { proceed = 0, stop = 1 };

/// A listener, and how many strangers each worker lets in: `<listener> <per address> <total>`.
const Settings = struct {
    listener: worker_state.Listener,
    limits: strangers.Limits,

    fn read(text: []const u8) error{Unreadable}!Settings {
        var words = std.mem.tokenizeScalar(u8, text, ' ');
        const listener = std.meta.stringToEnum(worker_state.Listener, words.next() orelse "") orelse return error.Unreadable;
        const limits: strangers.Limits = .{ .per_address = try number(words.next()), .total = try number(words.next()) };
        return if (words.next() == null) .{ .listener = listener, .limits = limits } else error.Unreadable;
    }

    fn number(word: ?[]const u8) error{Unreadable}!u32 {
        const value = std.fmt.parseInt(u32, word orelse "", 10) catch return error.Unreadable;
        return if (value > 0) value else error.Unreadable;
    }
};

/// Null makes Envoy refuse its configuration as a whole.
export fn envoy_dynamic_module_on_network_filter_config_new(_: *anyopaque, _: envoy.Slice, config: envoy.Slice) callconv(.c) ?*anyopaque {
    const settings = Settings.read(config.bytes()) catch return null;
    const kept = allocator.create(Settings) catch return null;
    kept.* = settings;
    return kept;
}

export fn envoy_dynamic_module_on_network_filter_config_destroy(settings: *Settings) callconv(.c) void {
    allocator.destroy(settings);
}

/// Without memory, Envoy closes the connection.
export fn envoy_dynamic_module_on_network_filter_new(settings: *Settings, handle: envoy.Connection) callconv(.c) ?*anyopaque {
    return admit(settings, handle) catch null;
}

fn admit(settings: *const Settings, handle: envoy.Connection) error{OutOfMemory}!*strangers.Connection {
    const worker = worker_state.Worker.ofThread() orelse return error.OutOfMemory;
    const list = try worker.strangersOf(settings.listener, settings.limits);
    const connection = try allocator.create(strangers.Connection);
    errdefer allocator.destroy(connection);
    connection.* = .{
        .id = envoy.numberOf(handle),
        .address = addresses.groupOf(envoy.remoteAddress(handle)),
        .handle = handle,
        .strangers = list,
        .usual_bytes_max = envoy.setConnectionLimit(handle, stranger_bytes_max),
    };
    try worker.connections.put(allocator, connection.id, connection);
    errdefer _ = worker.connections.remove(connection.id);
    // The loser is never the newcomer, unless there is room for no one.
    if (try list.add(connection)) |loser| if (loser != connection) envoy.close(loser.handle);
    return connection;
}

export fn envoy_dynamic_module_on_network_filter_new_connection(_: envoy.Connection, _: *strangers.Connection) callconv(.c) Status {
    return .proceed;
}

export fn envoy_dynamic_module_on_network_filter_read(_: envoy.Connection, _: *strangers.Connection, _: usize, _: bool) callconv(.c) Status {
    return .proceed;
}

export fn envoy_dynamic_module_on_network_filter_write(_: envoy.Connection, _: *strangers.Connection, _: usize, _: bool) callconv(.c) Status {
    return .proceed;
}

export fn envoy_dynamic_module_on_network_filter_event(_: envoy.Connection, _: *strangers.Connection, _: c_int) callconv(.c) void {}

export fn envoy_dynamic_module_on_network_filter_destroy(connection: *strangers.Connection) callconv(.c) void {
    connection.strangers.remove(connection);
    if (worker_state.Worker.ofThread()) |worker| _ = worker.connections.remove(connection.id);
    allocator.destroy(connection);
}
