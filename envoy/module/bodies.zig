//! Request bodies of known callers that have begun and not arrived whole. Envoy keeps them, and their senders may take minutes, so
//! they are counted on all workers: for each key, for each organization and in total. It does no I/O.
//!
//! A body that arrived whole is not counted. The limits of its key and organization decide about the call.

const std = @import("std");
const budgets = @import("budgets.zig");

/// How many bytes may be unfinished.
pub const Limits = struct {
    key: u64 = 0,
    organization: u64 = 0,
    total: u64 = 0,
};

/// What a body counts before its first byte: about the memory that Envoy has for a call and its connection.
pub const begun_bytes = 49_152;
/// With fewer bytes on their way, a key meets no limit but its own, so that ordinary calls pass while others fill the rest.
pub const spared_bytes = 1_048_576;

/// Whose limit a body exceeds.
pub const Excess = enum { caller, total };

pub const Counts = struct {
    keys: budgets.Shares = .{},
    organizations: budgets.Shares = .{},
    total: budgets.Budget = .{},
};

/// Those of this process.
pub var counts: Counts = .{};

/// One body. It counts from `begin` to `end`.
pub const Body = struct {
    key: u64 = 0,
    organization: u64 = 0,
    bytes: u64 = 0,

    /// Begins a body of which `announced` bytes are to come. One that cannot fit is refused before it has cost anything, but only
    /// bytes that have arrived are counted.
    pub fn begin(self: *Body, all: *Counts, key: u64, organization: u64, announced: u64, limits: Limits) ?Excess {
        self.key = key;
        self.organization = organization;
        return self.count(all, begun_bytes, announced, limits);
    }

    /// Counts more bytes. Returns whose limit they exceed, if any; the body is then refused.
    pub fn grow(self: *Body, all: *Counts, bytes: u64, limits: Limits) ?Excess {
        return self.count(all, bytes, 0, limits);
    }

    fn count(self: *Body, all: *Counts, bytes: u64, announced: u64, limits: Limits) ?Excess {
        self.bytes += bytes;
        const of_key = all.keys.of(self.key).add(bytes) +| announced;
        const of_organization = all.organizations.of(self.organization).add(bytes) +| announced;
        const of_all = all.total.add(bytes) +| announced;
        if (of_key > limits.key) return .caller;
        if (of_key <= spared_bytes) return null;
        if (of_organization > limits.organization) return .caller;
        return if (of_all > limits.total) .total else null;
    }

    /// Counts the body no longer. Does nothing if it does not count.
    pub fn end(self: *Body, all: *Counts) void {
        if (self.bytes == 0) return;
        all.keys.of(self.key).giveBack(self.bytes);
        all.organizations.of(self.organization).giveBack(self.bytes);
        all.total.giveBack(self.bytes);
        self.bytes = 0;
    }
};
