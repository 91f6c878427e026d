//! How often callers at an address may present credentials that are not known. Known ones cost nothing.

const std = @import("std");
const Group = @import("addresses.zig").Group;

/// An address regains one attempt in this time.
pub const attempt_ms = 50;
/// As many attempts may follow each other at once.
pub const burst = 200;

const set_count = 512;
const ways = 4;

const Entry = struct {
    address: Group = 0,
    /// When all attempts are regained.
    full_ms: i64 = std.math.minInt(i64) / 2,
};

/// A bounded memory of addresses. Where there is no room, it forgets the one that regains everything first.
pub const Allowances = struct {
    sets: [set_count][ways]Entry = @splat(@splat(.{})),

    fn setOf(self: *Allowances, address: Group) *[ways]Entry {
        // The multiplier spreads neighbors (Knuth's multiplicative hash).
        return &self.sets[(address *% 0x9e37_79b9_7f4a_7c15) >> 55];
    }

    pub fn isExhausted(self: *Allowances, address: Group, now_ms: i64) bool {
        for (self.setOf(address)) |entry| {
            if (entry.address == address) return entry.full_ms - now_ms > attempt_ms * (burst - 1);
        }
        return false;
    }

    /// Counts an attempt with a credential that turned out not to be valid.
    pub fn charge(self: *Allowances, address: Group, now_ms: i64) void {
        const set = self.setOf(address);
        var chosen = &set[0];
        for (set) |*entry| {
            if (entry.address == address) {
                chosen = entry;
                break;
            }
            if (entry.full_ms < chosen.full_ms) chosen = entry;
        }
        if (chosen.address != address) chosen.* = .{ .address = address };
        chosen.full_ms = @max(chosen.full_ms, now_ms) + attempt_ms;
    }
};

comptime {
    std.debug.assert(set_count == 1 << (64 - 55));
}
