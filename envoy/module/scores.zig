//! Linear scores of what users wrote: a sum of small weights for the buckets into which its words and pairs of words fall.
//! `benchmarks/routing/scores` is the reference, and `python -m tools.routing_scores` learns the weights. Only for calls whose model
//! may be virtual.

const std = @import("std");

/// The start of what users wrote. What comes later is mostly material to work on.
pub const text_bytes_max = 8_192;
pub const scores_max = 4;

const bucket_bits = 14;
const bucket_count = 1 << bucket_bits;
const mix: u32 = 0x9E3779B1;
const fnv_start: u32 = 0x811C9DC5;
const fnv_prime: u32 = 0x01000193;
const unit = 16.0;

const head_bytes = 24;
const file = @embedFile("scores.bin");
pub const count: usize = @intCast(std.mem.readInt(u64, file[16..24], .little));
/// A hash of the weights, exact as a double.
pub const version: u64 = std.mem.readInt(u64, file[8..16], .little);
const weights: *const [bucket_count][count]i8 = @ptrCast(file[head_bytes..]);

comptime {
    if (!std.mem.eql(u8, file[0..8], "mrscores")) @compileError("scores.bin is no file of weights");
    if (count < 1 or count > scores_max) @compileError("scores.bin has too many scores, or none");
    if (file.len != head_bytes + count * bucket_count) @compileError("scores.bin has another number of weights");
}

const Class = enum { space, word, single };
const Byte = struct { class: Class, lower: u8 };
const bytes: [256]Byte = table: {
    @setEvalBranchQuota(10_000);
    var table: [256]Byte = undefined;
    for (&table, 0..) |*byte, value| {
        const class: Class = switch (value) {
            ' ', '\t', '\r', '\n' => .space,
            'a'...'z', 'A'...'Z', '0'...'9', 0x80...0xff => .word,
            else => .single,
        };
        byte.* = .{ .class = class, .lower = if (value >= 'A' and value <= 'Z') value + 32 else value };
    }
    break :table table;
};

/// The sums of the weights of the buckets that were found, each once.
const Sums = struct {
    /// A bit for each bucket.
    found: [bucket_count / 64]u64 = @splat(0),
    buckets: u32 = 0,
    values: [count]i32 = @splat(0),
    /// The hash of the word before, mixed; 0 for none.
    previous: u32 = 0,

    inline fn addWord(self: *Sums, hash: u32) void {
        const word = @max(1, hash);
        const mixed = word *% mix;
        self.addBucket(mixed);
        if (self.previous != 0) self.addBucket((self.previous ^ word) *% mix);
        self.previous = mixed;
    }

    inline fn addBucket(self: *Sums, mixed: u32) void {
        // A bucket has as many bits as there are buckets, so every index is inside.
        @setRuntimeSafety(false);
        const bucket = mixed >> (32 - bucket_bits);
        const word = &self.found[bucket >> 6];
        const bit = @as(u64, 1) << @intCast(bucket & 63);
        const is_new: i32 = @intFromBool(word.* & bit == 0);
        word.* |= bit;
        self.buckets += @intCast(is_new);
        for (&self.values, weights[bucket]) |*value, weight| value.* += is_new * weight;
    }
};

/// Returns the scores of a text, of which only the start counts.
pub fn of(text: []const u8) [count]f64 {
    var sums: Sums = .{};
    var hash: u32 = fnv_start;
    var previous: Class = .space;
    for (text[0..@min(text.len, text_bytes_max)]) |value| {
        const byte = bytes[value];
        if (byte.class == .word) {
            hash = (hash ^ byte.lower) *% fnv_prime;
        } else {
            if (previous == .word) sums.addWord(hash);
            hash = fnv_start;
            if (byte.class == .single) sums.addWord((fnv_start ^ byte.lower) *% fnv_prime);
        }
        previous = byte.class;
    }
    if (previous == .word) sums.addWord(hash);
    var scores: [count]f64 = @splat(0);
    if (sums.buckets == 0) return scores;
    const length = @sqrt(@as(f64, @floatFromInt(sums.buckets)));
    for (&scores, sums.values) |*score, value| score.* = @floor(unit * @as(f64, @floatFromInt(value)) / length);
    return scores;
}
