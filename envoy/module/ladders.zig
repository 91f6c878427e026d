//! The texts by which the filters of a call that may be tried at several deployments agree. They do no I/O.

const std = @import("std");
const RefusedAnswer = @import("contract.zig").RefusedAnswer;

/// What authz_service decided about one attempt: a line of target, path and model, separated by tabs.
pub const Rung = struct {
    target: []const u8,
    path: []const u8,
    model: []const u8,

    pub fn at(ladder: []const u8, number: usize) ?Rung {
        var lines = std.mem.splitScalar(u8, ladder, '\n');
        var index: usize = 0;
        while (lines.next()) |line| : (index += 1) {
            if (index != number) continue;
            var words = std.mem.splitScalar(u8, line, '\t');
            return .{ .target = words.first(), .path = words.next() orelse return null, .model = words.next() orelse return null };
        }
        return null;
    }
};

/// Where the body names the model: the bytes from `first` up to, but not including, `last`; and how long the whole body is.
pub const Place = struct {
    first: usize,
    last: usize,
    body_length: usize,

    /// Three numbers of at most 20 digits.
    pub const text_max = 62;

    pub fn read(text: []const u8) ?Place {
        var words = std.mem.splitScalar(u8, text, ' ');
        const first = std.fmt.parseInt(usize, words.first(), 10) catch return null;
        const last = std.fmt.parseInt(usize, words.next() orelse return null, 10) catch return null;
        const length = std.fmt.parseInt(usize, words.next() orelse return null, 10) catch return null;
        return if (first <= last and last <= length) .{ .first = first, .last = last, .body_length = length } else null;
    }

    pub fn write(self: Place, room: *[text_max]u8) []const u8 {
        return std.fmt.bufPrint(room, "{d} {d} {d}", .{ self.first, self.last, self.body_length }) catch unreachable;
    }
};

/// An attempt that has no answer yet, or never got one.
const unanswered = "-";
const digits_max = 9;

/// Returns how many attempts have begun. Their notes are words, each a status or `-`, then perhaps `!` and why the account is refused,
/// and after 429 perhaps `/` and seconds.
pub fn countOf(notes: []const u8) usize {
    if (notes.len == 0) return 0;
    return std.mem.count(u8, notes, " ") + 1;
}

/// Appends an attempt that begins.
pub fn appendAttempt(allocator: std.mem.Allocator, notes: *std.ArrayList(u8)) error{OutOfMemory}!void {
    if (notes.items.len > 0) try notes.append(allocator, ' ');
    try notes.appendSlice(allocator, unanswered);
}

/// Appends the notes with the answer to the last attempt.
pub fn appendAnswered(allocator: std.mem.Allocator, out: *std.ArrayList(u8), notes: []const u8, status: u32, refusal: ?RefusedAnswer, retry_after: []const u8) error{OutOfMemory}!void {
    if (!std.mem.endsWith(u8, notes, unanswered)) return out.appendSlice(allocator, notes);
    try out.appendSlice(allocator, notes[0 .. notes.len - unanswered.len]);
    try out.print(allocator, "{d}", .{status});
    if (refusal) |reason| try out.print(allocator, "!{s}", .{@tagName(reason)});
    const is_number = retry_after.len > 0 and retry_after.len <= digits_max and std.mem.indexOfNone(u8, retry_after, "0123456789") == null;
    if (status == 429 and is_number) try out.print(allocator, "/{s}", .{retry_after});
}
