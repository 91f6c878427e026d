//! What one worker thread of Envoy knows about its callers. Workers share nothing but counts (`budgets.zig`) and the secret that
//! names their holders, so nothing is locked.

const std = @import("std");
const envoy = @import("envoy.zig");
const strangers = @import("strangers.zig");
const Allowances = @import("allowances.zig").Allowances;
const known_keys = @import("known_keys.zig");
const Reading = @import("facts_reading.zig").Reading;
const PlainModels = @import("plain_models.zig").PlainModels;

const allocator = std.heap.c_allocator;

/// The public listeners. Each has places of its own for strangers.
pub const Listener = enum { model, admin };

threadlocal var current: ?*Worker = null;

/// Makes fingerprints useless elsewhere. Every worker has the same, so that it counts a credential with the others.
var secret: ?known_keys.Secret = null;

/// Makes the secret. Envoy calls this in its main thread, before a worker runs.
pub fn prepare() error{NoRandomness}!void {
    if (secret != null) return;
    var made: known_keys.Secret = undefined;
    if (std.os.linux.getrandom(&made, made.len, 0) != made.len) return error.NoRandomness;
    secret = made;
}

pub const Worker = struct {
    secret: known_keys.Secret,
    keys: known_keys.KnownKeys = .{},
    allowances: Allowances = .{},
    plain_models: PlainModels,
    /// Every open connection by its number.
    connections: std.AutoHashMapUnmanaged(u64, *strangers.Connection) = .empty,
    /// Large bodies of running calls.
    readings: std.AutoHashMapUnmanaged(u64, *Reading) = .empty,
    last_reading: u64 = 0,
    lists: std.EnumArray(Listener, ?*strangers.Strangers) = .initFill(null),

    /// Returns that of the current thread; null without memory.
    pub fn ofThread() ?*Worker {
        if (current == null) current = create() catch null;
        return current;
    }

    fn create() error{ OutOfMemory, Unprepared }!*Worker {
        const made = secret orelse return error.Unprepared;
        const worker = try allocator.create(Worker);
        worker.* = .{ .secret = made, .plain_models = .{ .secret = made } };
        return worker;
    }

    /// Returns a number that no other reading of this worker has.
    pub fn nextReading(self: *Worker) u64 {
        self.last_reading += 1;
        return self.last_reading;
    }

    /// Returns the strangers of a listener. Limits that differ from those before apply from now on.
    pub fn strangersOf(self: *Worker, listener: Listener, limits: strangers.Limits) error{OutOfMemory}!*strangers.Strangers {
        const list = self.lists.get(listener) orelse made: {
            const made = try allocator.create(strangers.Strangers);
            made.* = .init(allocator, limits);
            self.lists.set(listener, made);
            break :made made;
        };
        list.limits = limits;
        return list;
    }

    /// Gives a connection that has shown a known credential its place, and the room of a customer.
    pub fn welcome(self: *Worker, connection_id: u64) void {
        const connection = self.connections.get(connection_id) orelse return;
        if (!connection.is_listed) return;
        connection.strangers.remove(connection);
        _ = envoy.setConnectionLimit(connection.handle, connection.usual_bytes_max);
    }
};

/// By a clock that only runs forward.
pub fn monotonicMs() i64 {
    var now: std.c.timespec = undefined;
    if (std.c.clock_gettime(.MONOTONIC, &now) != 0) return 0;
    return @as(i64, @intCast(now.sec)) * std.time.ms_per_s + @divTrunc(@as(i64, @intCast(now.nsec)), std.time.ns_per_ms);
}
