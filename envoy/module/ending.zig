//! The end of Envoy. On SIGTERM it closes its listeners, lets calls finish, and exits when none runs or the grace is over.
//! A second signal ends it at once.
//!
//! Envoy waits with its exit until this extension lets it go, and works on meanwhile.

const std = @import("std");
const envoy = @import("envoy.zig");
const monotonicMs = @import("worker.zig").monotonicMs;

const allocator = std.heap.c_allocator;

const poll_interval_ms = 50;
/// A client that uses an idle connection within this time is asked to open a new one.
const idle_connections_ms = 500;
const drain_timeout_ms = 1_000;
/// How long after the grace a successor may be silent.
const successor_slack_ms = 5_000;
const drain_path = "/drain_listeners";
/// As their statistics name them.
const listeners = [_][]const u8{ "model", "admin_api" };

/// The configuration of the extension: `<grace in milliseconds> <cluster with Envoy's own admin page> <path of its socket>`.
const Settings = struct {
    text: []const u8,
    grace_ms: i64,
    cluster: []const u8,
    admin_socket: [:0]const u8,

    fn read(text: []const u8) !Settings {
        const copy = try allocator.dupe(u8, text);
        errdefer allocator.free(copy);
        var parts = std.mem.splitScalar(u8, copy, ' ');
        const grace_ms = try std.fmt.parseInt(i64, parts.first(), 10);
        const cluster = parts.next() orelse return error.Unknown;
        return .{ .text = copy, .grace_ms = grace_ms, .cluster = cluster, .admin_socket = try allocator.dupeSentinel(u8, parts.rest(), 0) };
    }

    fn deinit(self: Settings) void {
        allocator.free(self.admin_socket);
        allocator.free(self.text);
    }
};

const Done = struct {
    call: *const fn (?*anyopaque) callconv(.c) void,
    context: ?*anyopaque,
};

/// How many calls and connections the public listeners have.
pub const Active = struct { requests: u64, connections: u64 };

/// When to stop waiting.
pub const Patience = struct {
    deadline_ms: i64,
    idle_since_ms: ?i64 = null,

    pub fn isOver(self: *Patience, active: Active, now_ms: i64) bool {
        if (active.connections == 0 or now_ms >= self.deadline_ms) return true;
        if (active.requests > 0) {
            self.idle_since_ms = null;
            return false;
        }
        if (self.idle_since_ms == null) self.idle_since_ms = now_ms;
        return now_ms - self.idle_since_ms.? > idle_connections_ms;
    }
};

const Ending = struct {
    config: envoy.Extension,
    settings: Settings,
    extension: ?envoy.Extension = null,
    /// When the listeners closed before the signal, because another Envoy took over or somebody drained this one.
    drained_at_ms: ?i64 = null,
    /// When the file of the admin page's socket was made. A successor replaces it.
    admin_made_ns: ?i128 = null,
    patience: ?Patience = null,
    timer: ?envoy.Timer = null,
    /// One for each signal.
    done: std.ArrayList(Done) = .empty,

    fn create(config: envoy.Extension, text: []const u8) !*Ending {
        const ending = try allocator.create(Ending);
        errdefer allocator.destroy(ending);
        ending.* = .{ .config = config, .settings = try .read(text) };
        return ending;
    }

    fn destroy(self: *Ending) void {
        if (self.timer) |timer| envoy.deleteTimer(timer);
        self.done.deinit(allocator);
        self.settings.deinit();
        allocator.destroy(self);
    }

    fn begin(self: *Ending, done: Done) void {
        self.done.append(allocator, done) catch return done.call(done.context);
        if (self.patience != null) return self.finish();
        const began_ms = self.drained_at_ms orelse monotonicMs();
        self.patience = .{ .deadline_ms = began_ms + self.settings.grace_ms };
        self.timer = envoy.newTimer(self.config);
        self.admin_made_ns = changedAt(self.settings.admin_socket);
        if (self.drained_at_ms == null) envoy.callFromMain(self.config, self.settings.cluster, "POST", drain_path, drain_timeout_ms) catch return self.finish();
        envoy.startTimer(self.timer.?, if (self.drained_at_ms == null) poll_interval_ms else 0);
    }

    fn look(self: *Ending) void {
        if (self.done.items.len == 0) return;
        if (self.admin_made_ns != changedAt(self.settings.admin_socket)) return self.awaitSuccessor();
        if (self.patience.?.isOver(self.active(), monotonicMs())) return self.finish();
        envoy.startTimer(self.timer.?, poll_interval_ms);
    }

    /// Waits for the signal by which a successor ends this Envoy when the grace is over. It would hang if this one were gone.
    fn awaitSuccessor(self: *Ending) void {
        self.admin_made_ns = changedAt(self.settings.admin_socket);
        self.patience.?.deadline_ms = 0;
        envoy.startTimer(self.timer.?, @intCast(self.settings.grace_ms + successor_slack_ms));
    }

    fn active(self: *const Ending) Active {
        var sum: Active = .{ .requests = 0, .connections = 0 };
        const extension = self.extension orelse return sum;
        inline for (listeners) |name| {
            sum.requests += envoy.gauge(extension, "http." ++ name ++ ".downstream_rq_active");
            sum.connections += envoy.gauge(extension, "http." ++ name ++ ".downstream_cx_active");
        }
        return sum;
    }

    fn finish(self: *Ending) void {
        var done = self.done;
        self.done = .empty;
        defer done.deinit(allocator);
        for (done.items) |one| one.call(one.context);
    }
};

/// Returns when a file was made or changed; null if there is none. Its number would not do, because a new file may get it.
fn changedAt(path: [:0]const u8) ?i128 {
    var status: std.os.linux.Statx = undefined;
    if (std.os.linux.statx(std.os.linux.AT.FDCWD, path, 0, .{ .CTIME = true }, &status) != 0) return null;
    return @as(i128, status.ctime.sec) * std.time.ns_per_s + status.ctime.nsec;
}

export fn envoy_dynamic_module_on_bootstrap_extension_config_new(config: envoy.Extension, name: envoy.Slice, text: envoy.Slice) callconv(.c) ?*Ending {
    if (!std.mem.eql(u8, name.bytes(), "ending")) return null;
    const ending = Ending.create(config, text.bytes()) catch return null;
    envoy.completeInitialization(config);
    return ending;
}

export fn envoy_dynamic_module_on_bootstrap_extension_config_destroy(ending: *Ending) callconv(.c) void {
    ending.destroy();
}

export fn envoy_dynamic_module_on_bootstrap_extension_new(ending: *Ending, extension: envoy.Extension) callconv(.c) ?*Ending {
    ending.extension = extension;
    return ending;
}

export fn envoy_dynamic_module_on_bootstrap_extension_destroy(ending: *Ending) callconv(.c) void {
    ending.extension = null;
}

export fn envoy_dynamic_module_on_bootstrap_extension_drain_started(_: envoy.Extension, ending: *Ending) callconv(.c) void {
    if (ending.patience == null and ending.drained_at_ms == null) ending.drained_at_ms = monotonicMs();
}

export fn envoy_dynamic_module_on_bootstrap_extension_shutdown(_: envoy.Extension, ending: *Ending, call: *const fn (?*anyopaque) callconv(.c) void, context: ?*anyopaque) callconv(.c) void {
    ending.begin(.{ .call = call, .context = context });
}

export fn envoy_dynamic_module_on_bootstrap_extension_timer_fired(_: envoy.Extension, ending: *Ending, _: envoy.Timer) callconv(.c) void {
    ending.look();
}
