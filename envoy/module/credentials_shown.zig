//! Whether the credential of a call is known: the part that the doors of both listeners share.

const std = @import("std");
const addresses = @import("addresses.zig");
const contract = @import("contract.zig");
const envoy = @import("envoy.zig");
const known_keys = @import("known_keys.zig");
const Listener = @import("worker.zig").Listener;
const Worker = @import("worker.zig").Worker;
const monotonicMs = @import("worker.zig").monotonicMs;

/// What the headers of a call show.
pub const Shown = enum {
    nothing,
    /// A header occurs twice. A service decides what that means.
    ambiguous,
    unknown,
    known,
};

pub const Credentials = struct {
    fingerprint: known_keys.Fingerprint = 0,
    shown: Shown = .nothing,
    /// Whether the credential was proved so lately that this call need not prove it again.
    is_fresh: bool = false,
    /// A keyed hash of the organization's name; 0 if it is not known.
    organization: u64 = 0,

    /// Reads the headers with these names. Gives the connection of a known credential its place.
    pub fn read(stream: envoy.Stream, listener: Listener, names: []const []const u8) Credentials {
        const worker = Worker.ofThread() orelse return .{ .shown = .ambiguous };
        var hasher: known_keys.Hasher = .init(&worker.secret);
        hasher.add(@tagName(listener));
        var found: Credentials = .{};
        for (names) |name| {
            var count: usize = 0;
            const value = envoy.headerAt(stream, .request, name, 0, &count) orelse "";
            if (count > 1) return .{ .shown = .ambiguous };
            if (value.len > 0) found.shown = .unknown;
            hasher.add(value);
        }
        if (found.shown == .nothing) return found;
        found.fingerprint = hasher.finish();
        const proof = worker.keys.proof(found.fingerprint, monotonicMs()) orelse return found;
        found.shown = .known;
        found.is_fresh = proof.age_ms < known_keys.renewed_ms;
        found.organization = proof.organization;
        welcome(worker, stream);
        return found;
    }

    /// Remembers that a service has accepted the credential, as one of this organization. Empty if it did not say.
    pub fn prove(self: *Credentials, stream: envoy.Stream, organization: []const u8) void {
        if (self.shown != .unknown and self.shown != .known) return;
        self.shown = .known;
        self.is_fresh = true;
        const worker = Worker.ofThread() orelse return;
        if (organization.len > 0) {
            var hasher: known_keys.Hasher = .init(&worker.secret);
            hasher.add(organization);
            self.organization = @truncate(hasher.finish());
        }
        worker.keys.remember(self.fingerprint, self.organization, monotonicMs());
        welcome(worker, stream);
    }

    /// Forgets a credential that a service has refused, and counts the attempt if it was not known. The call shows nothing
    /// from now on, so that it counts once.
    pub fn refute(self: *Credentials, stream: envoy.Stream) void {
        const worker = Worker.ofThread() orelse return;
        if (self.shown == .known) worker.keys.forget(self.fingerprint) else worker.allowances.charge(groupOf(stream), monotonicMs());
        self.shown = .nothing;
    }

    /// Returns whom counts of this credential are for. All credentials that occur twice are one.
    pub fn holder(self: *const Credentials) u64 {
        return @truncate(self.fingerprint);
    }

    /// Returns whether the caller's address has tried too many credentials that are not valid.
    pub fn isExhausted(stream: envoy.Stream) bool {
        const worker = Worker.ofThread() orelse return false;
        return worker.allowances.isExhausted(groupOf(stream), monotonicMs());
    }
};

/// What a stranger's call may keep while a service is asked about its credential. A small body fits whole, so that its
/// sender hears of a refusal after it has sent everything.
const stranger_bytes_max = 65_536;

/// The call waits for the answer to a question about its credential.
pub const Waiting = struct {
    usual_bytes_max: u64,

    pub fn begin(stream: envoy.Stream) Waiting {
        return .{ .usual_bytes_max = envoy.setBufferLimit(stream, stranger_bytes_max) };
    }

    /// Lets the call go on.
    pub fn end(self: Waiting, stream: envoy.Stream) void {
        _ = envoy.setBufferLimit(stream, self.usual_bytes_max);
        envoy.proceed(stream);
    }
};

fn welcome(worker: *Worker, stream: envoy.Stream) void {
    if (envoy.connectionId(stream)) |id| worker.welcome(id);
}

fn groupOf(stream: envoy.Stream) addresses.Group {
    return addresses.groupOf(addressOf(stream));
}

/// Returns the caller's IP address.
pub fn addressOf(stream: envoy.Stream) []const u8 {
    return addresses.withoutPort(envoy.sourceAddress(stream) orelse return "");
}
