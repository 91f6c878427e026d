//! Where attempts go, and the credentials that they need there. A credential is in a file that may be replaced while Envoy runs.

const std = @import("std");
const aws_signing = @import("aws_signing.zig");
const credentials = @import("credentials.zig");

const allocator = std.heap.c_allocator;

/// How old the last look at a file may be.
const look_interval_ms = 1_000;

const Node = struct { text: []const u8, older: ?*const Node };

/// The content of a file. Threads read it while another replaces it, so that old contents stay until the end.
pub const Secret = struct {
    path: []const u8,
    newest: std.atomic.Value(?*const Node) = .init(null),
    looked_ms: std.atomic.Value(i64) = .init(0),

    fn open(path: []const u8) error{ OutOfMemory, Unreadable }!*Secret {
        const secret = try allocator.create(Secret);
        errdefer allocator.destroy(secret);
        secret.* = .{ .path = try allocator.dupe(u8, path) };
        errdefer allocator.free(secret.path);
        try secret.look();
        return secret;
    }

    fn close(self: *Secret) void {
        var next = self.newest.load(.acquire);
        while (next) |node| {
            next = node.older;
            allocator.free(node.text);
            allocator.destroy(node);
        }
        allocator.free(self.path);
        allocator.destroy(self);
    }

    pub fn current(self: *Secret, now_ms: i64) []const u8 {
        if (now_ms - self.looked_ms.load(.monotonic) >= look_interval_ms) {
            self.looked_ms.store(now_ms, .monotonic);
            self.look() catch {}; // the old content stays, as it does with Envoy's own secrets
        }
        return if (self.newest.load(.acquire)) |node| node.text else "";
    }

    fn look(self: *Secret) error{ OutOfMemory, Unreadable }!void {
        const text = try credentials.readFile(self.path);
        var older = self.newest.load(.acquire);
        if (older) |node| if (std.mem.eql(u8, node.text, text)) return allocator.free(text);
        const node = allocator.create(Node) catch {
            allocator.free(text);
            return error.OutOfMemory;
        };
        while (true) {
            node.* = .{ .text = text, .older = older };
            older = self.newest.cmpxchgWeak(older, node, .release, .acquire) orelse return;
        }
    }
};

pub const Target = struct {
    name: []const u8,
    header: []const u8,
    is_bearer: bool,
    /// Null for a mock provider, and where a filter behind this one signs.
    secret: ?*Secret,
    is_signed: bool = false,
    /// Set where calls are signed, so that they can be signed with an own key too.
    scope: ?aws_signing.Scope = null,

    /// Reads `<name> <header> bearer|plain <path>` or `<name> <header> signed <region> <service> <host>`; of a mock provider only `<name>`.
    pub fn read(text: []const u8) error{ OutOfMemory, Unreadable, Unknown }!Target {
        var words = std.mem.splitScalar(u8, text, ' ');
        const name = try allocator.dupe(u8, words.first());
        errdefer allocator.free(name);
        const header = words.next() orelse return .{ .name = name, .header = "", .is_bearer = false, .secret = null };
        const form = words.next() orelse return error.Unknown;
        const kept = try allocator.dupe(u8, header);
        errdefer allocator.free(kept);
        if (std.mem.eql(u8, form, "signed")) return .{ .name = name, .header = kept, .is_bearer = false, .secret = null, .is_signed = true, .scope = try scopeOf(words.rest()) };
        return .{ .name = name, .header = kept, .is_bearer = std.mem.eql(u8, form, "bearer"), .secret = try .open(words.rest()) };
    }

    /// Keeps one copy of the text, in which all three are.
    fn scopeOf(text: []const u8) error{ OutOfMemory, Unknown }!aws_signing.Scope {
        if (std.mem.count(u8, text, " ") != 2) return error.Unknown;
        var words = std.mem.splitScalar(u8, try allocator.dupe(u8, text), ' ');
        return .{ .region = words.first(), .service = words.next().?, .host = words.next().? };
    }

    /// Returns whether it is a mock provider, which needs no credential.
    pub fn isMock(self: Target) bool {
        return self.secret == null and !self.is_signed;
    }

    pub fn deinit(self: Target) void {
        if (self.secret) |secret| secret.close();
        if (self.scope) |scope| allocator.free(scope.region.ptr[0 .. scope.region.len + scope.service.len + scope.host.len + 2]);
        if (self.header.len > 0) allocator.free(self.header);
        allocator.free(self.name);
    }
};
