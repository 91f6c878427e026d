//! What all workers together may have in progress: in total, so that one listener cannot take what the other needs, and for each
//! credential and organization, so that none of them can take what the others need.

const std = @import("std");

pub const Budget = struct {
    used: std.atomic.Value(u64) = .init(0),

    /// Takes a place. Returns whether there was one; if so, it must be given back.
    pub fn take(self: *Budget, most: u64) bool {
        if (self.add(1) <= most) return true;
        self.giveBack(1);
        return false;
    }

    /// Adds an amount, which must be given back, and returns the sum.
    pub fn add(self: *Budget, amount: u64) u64 {
        return self.used.fetchAdd(amount, .monotonic) + amount;
    }

    pub fn giveBack(self: *Budget, amount: u64) void {
        _ = self.used.fetchSub(amount, .monotonic);
    }
};

const share_count = 16_384;

/// A budget for each holder. Holders are keyed hashes. Two may share a budget, but none can choose with whom.
pub const Shares = struct {
    budgets: [share_count]Budget = @splat(.{}),

    pub fn of(self: *Shares, holder: u64) *Budget {
        return &self.budgets[holder % share_count];
    }
};

/// Calls of the admin API. Each may keep a body, and the answer to a REST call.
pub var admin_calls: Budget = .{};
/// The same for each credential.
pub var admin_callers: Shares = .{};
