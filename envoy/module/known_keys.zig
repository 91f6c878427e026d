//! Credentials that were accepted lately, by a keyed hash that is useless outside of this process. The memory contains no
//! credential, never grows, and forgets each entry soon after its last proof.

const std = @import("std");

pub const Fingerprint = u128;
pub const Secret = [16]u8;

const Hash = std.crypto.auth.siphash.SipHash128(1, 4);

/// How long a proof counts.
pub const trusted_ms = 60_000;
/// A proof of this age is renewed by the next call that authz_service admits.
pub const renewed_ms = 10_000;

const set_count = 4_096;
const ways = 4;

/// What is known of a credential.
pub const Proof = struct {
    age_ms: i64,
    /// A keyed hash of the organization's name; 0 if no service has named it.
    organization: u64,
};

const Entry = struct {
    fingerprint: Fingerprint = 0,
    organization: u64 = 0,
    proved_ms: i64 = std.math.minInt(i64) / 2,
};

/// Collects the parts of a credential. Their order and their borders count.
pub const Hasher = struct {
    state: Hash,

    pub fn init(secret: *const Secret) Hasher {
        return .{ .state = .init(secret) };
    }

    pub fn add(self: *Hasher, part: []const u8) void {
        const length: u64 = part.len;
        self.state.update(std.mem.asBytes(&length));
        self.state.update(part);
    }

    pub fn finish(self: *Hasher) Fingerprint {
        return self.state.finalInt();
    }
};

pub const KnownKeys = struct {
    sets: [set_count][ways]Entry = @splat(@splat(.{})),

    fn setOf(self: *KnownKeys, fingerprint: Fingerprint) *[ways]Entry {
        return &self.sets[@as(usize, @truncate(fingerprint)) % set_count];
    }

    fn find(self: *KnownKeys, fingerprint: Fingerprint) ?*Entry {
        for (self.setOf(fingerprint)) |*entry| if (entry.fingerprint == fingerprint) return entry;
        return null;
    }

    /// Returns the last proof of the credential; null if it is not known.
    pub fn proof(self: *KnownKeys, fingerprint: Fingerprint, now_ms: i64) ?Proof {
        const entry = self.find(fingerprint) orelse return null;
        const age_ms = now_ms - entry.proved_ms;
        return if (age_ms < trusted_ms) .{ .age_ms = age_ms, .organization = entry.organization } else null;
    }

    /// Remembers a credential. Where there is no room, it replaces the one whose proof is oldest.
    pub fn remember(self: *KnownKeys, fingerprint: Fingerprint, organization: u64, now_ms: i64) void {
        const set = self.setOf(fingerprint);
        var oldest = &set[0];
        for (set) |*entry| {
            if (entry.fingerprint == fingerprint) {
                entry.* = .{ .fingerprint = fingerprint, .organization = organization, .proved_ms = now_ms };
                return;
            }
            if (entry.proved_ms < oldest.proved_ms) oldest = entry;
        }
        oldest.* = .{ .fingerprint = fingerprint, .organization = organization, .proved_ms = now_ms };
    }

    pub fn forget(self: *KnownKeys, fingerprint: Fingerprint) void {
        if (self.find(fingerprint)) |entry| entry.* = .{};
    }
};
