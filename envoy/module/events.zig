//! Streams of server-sent events. The reader extracts usage while they pass, and hides the chunk with only usage from
//! callers who did not ask for it.
//!
//! That chunk is an event whose data is an object with `usage` and without choices. An event is held back only while it
//! may still become such a chunk, and at most `held_bytes_max` of it. Events of any size are read, and none is kept.

const std = @import("std");
const json = @import("json_reader.zig");
const usage = @import("usage.zig");
const Text = std.ArrayList(u8);

/// A usage chunk has a few hundred bytes.
pub const held_bytes_max = 16_384;

const field_name = "data:";
const last_word = "[DONE]";

const State = enum { line_start, field, payload, rest };
/// What to do with a line feed that may follow a carriage return.
const LineFeed = enum { none, shown, dropped };

pub const Stream = struct {
    allocator: std.mem.Allocator,
    facts: usage.Facts,
    reader: json.Reader(usage.Document),
    hides_usage: bool,

    state: State = .line_start,
    line_feed: LineFeed = .none,
    /// How many bytes of the field's name have matched in the current line.
    matched: usize = 0,
    /// Lines and bytes of the current event.
    data_lines: usize = 0,
    shown_lines: usize = 0,
    /// Whether the rest of this event is not read.
    is_ignored: bool = false,
    /// Whether an event was neither JSON nor the word at the end of most streams.
    has_unread: bool = false,

    /// The current event may be a usage chunk. It is not shown yet, from its first `data:` line on.
    is_holding: bool = false,
    /// The held part of earlier pieces.
    held: Text = .empty,
    /// Indexes in the current piece: where the held part begins, and where the part that is not passed on yet begins.
    hold_from: usize = 0,
    shown_from: usize = 0,
    /// Whether the output differs from the piece.
    is_changed: bool = false,

    pub fn init(allocator: std.mem.Allocator, hides_usage: bool) Stream {
        return .{
            .allocator = allocator,
            .facts = .{ .allocator = allocator },
            .reader = .init(allocator, .{ .allocator = allocator }),
            .hides_usage = hides_usage,
        };
    }

    pub fn deinit(self: *Stream) void {
        self.facts.deinit();
        self.reader.visitor.deinit();
        self.reader.deinit();
        self.held.deinit(self.allocator);
    }

    /// Reads the next piece. Returns false if it must be shown unchanged. Otherwise it has appended to `out` what to
    /// show of the stream by now.
    pub fn push(self: *Stream, bytes: []const u8, out: *Text) error{OutOfMemory}!bool {
        self.hold_from = 0;
        self.shown_from = 0;
        self.is_changed = self.held.items.len > 0;
        var index: usize = 0;
        while (index < bytes.len) {
            if (self.line_feed != .none) {
                index = try self.passLineFeed(bytes, index, out);
                continue;
            }
            index = switch (self.state) {
                .line_start => try self.beginLine(bytes, index, out),
                .field => try self.readField(bytes, index, out),
                .payload => try self.readPayload(bytes, index, out),
                .rest => try self.skipRest(bytes, index, out),
            };
        }
        return self.endPiece(bytes, out);
    }

    /// Handles the end of the stream. An event that lacks only its blank line counts.
    pub fn finish(self: *Stream) error{OutOfMemory}!void {
        if (self.is_ignored or !self.reader.isDone()) return;
        if (try self.reader.visitor.addTo(&self.facts)) self.facts.deltas += 1;
    }

    fn endPiece(self: *Stream, bytes: []const u8, out: *Text) error{OutOfMemory}!bool {
        if (self.is_holding) {
            self.is_changed = true;
            try out.appendSlice(self.allocator, bytes[self.shown_from..self.hold_from]);
            try self.held.appendSlice(self.allocator, bytes[self.hold_from..]);
            if (self.held.items.len > held_bytes_max) {
                self.is_holding = false;
                try self.showHeld(out);
            }
        } else if (self.is_changed) {
            try out.appendSlice(self.allocator, bytes[self.shown_from..]);
        }
        return self.is_changed;
    }

    fn showHeld(self: *Stream, out: *Text) error{OutOfMemory}!void {
        try out.appendSlice(self.allocator, self.held.items);
        self.held.clearRetainingCapacity();
    }

    /// Shows the held part after all.
    fn release(self: *Stream, out: *Text) error{OutOfMemory}!void {
        if (!self.is_holding) return;
        self.is_holding = false;
        try self.showHeld(out);
    }

    /// Hides the held part, up to `index`.
    fn drop(self: *Stream, bytes: []const u8, index: usize, out: *Text) error{OutOfMemory}!void {
        self.is_holding = false;
        self.is_changed = true;
        self.held.clearRetainingCapacity();
        try out.appendSlice(self.allocator, bytes[self.shown_from..self.hold_from]);
        self.shown_from = index;
    }

    fn dropByte(self: *Stream, bytes: []const u8, index: usize, out: *Text) error{OutOfMemory}!void {
        self.is_changed = true;
        try out.appendSlice(self.allocator, bytes[self.shown_from..index]);
        self.shown_from = index + 1;
    }

    fn passLineFeed(self: *Stream, bytes: []const u8, index: usize, out: *Text) error{OutOfMemory}!usize {
        const is_dropped = self.line_feed == .dropped;
        self.line_feed = .none;
        if (bytes[index] != '\n') return index;
        if (is_dropped) try self.dropByte(bytes, index, out);
        return index + 1;
    }

    fn beginLine(self: *Stream, bytes: []const u8, index: usize, out: *Text) error{OutOfMemory}!usize {
        if (isLineEnd(bytes[index])) return self.endEvent(bytes, index, out);
        self.matched = 0;
        self.state = .field;
        if (self.hides_usage and self.data_lines == 0 and !self.is_holding) {
            self.is_holding = true;
            self.hold_from = index;
        }
        return index;
    }

    /// Handles the blank line that ends an event. The line stays if another line of the event was shown.
    fn endEvent(self: *Stream, bytes: []const u8, index: usize, out: *Text) error{OutOfMemory}!usize {
        const is_chunk = self.is_holding and !self.is_ignored and self.reader.isDone() and self.reader.visitor.isUsageChunk();
        if (is_chunk) try self.drop(bytes, index, out) else try self.release(out);
        const is_dropped = is_chunk and self.shown_lines == 0;
        if (is_dropped) try self.dropByte(bytes, index, out);
        if (bytes[index] == '\r') self.line_feed = if (is_dropped) .dropped else .shown;
        try self.finish();
        if (self.data_lines > 0) {
            self.reader.reset();
            self.reader.visitor.reset();
        }
        self.data_lines = 0;
        self.shown_lines = 0;
        self.is_ignored = false;
        return index + 1;
    }

    fn readField(self: *Stream, bytes: []const u8, index: usize, out: *Text) error{OutOfMemory}!usize {
        if (bytes[index] != field_name[self.matched]) {
            // Lines after the first `data:` line share its fate.
            if (self.data_lines == 0) try self.release(out);
            self.state = .rest;
            return index;
        }
        self.matched += 1;
        if (self.matched < field_name.len) return index + 1;
        self.state = .payload;
        self.data_lines += 1;
        if (self.data_lines > 1) self.read("\n");
        return index + 1;
    }

    fn readPayload(self: *Stream, bytes: []const u8, index: usize, out: *Text) error{OutOfMemory}!usize {
        const end = lineEnd(bytes, index);
        self.read(bytes[index..end]);
        if (self.is_holding and !self.mayBeUsageChunk(end < bytes.len)) try self.release(out);
        return if (end == bytes.len) end else self.endLine(bytes, end);
    }

    fn skipRest(self: *Stream, bytes: []const u8, index: usize, _: *Text) error{OutOfMemory}!usize {
        const end = lineEnd(bytes, index);
        return if (end == bytes.len) end else self.endLine(bytes, end);
    }

    /// Returns whether the held event may still be a usage chunk, once a line of it has ended or before.
    fn mayBeUsageChunk(self: *const Stream, is_line_end: bool) bool {
        const document = &self.reader.visitor;
        if (self.is_ignored or !document.mayBeUsageChunk()) return false;
        return !is_line_end or !self.reader.isDone() or document.isUsageChunk();
    }

    fn endLine(self: *Stream, bytes: []const u8, end: usize) usize {
        self.state = .line_start;
        if (!self.is_holding) self.shown_lines += 1;
        if (bytes[end] == '\r') self.line_feed = .shown;
        return end + 1;
    }

    /// Reads a piece of the event's data. Data that is not a JSON object is no error: most streams end with a word.
    fn read(self: *Stream, bytes: []const u8) void {
        if (self.is_ignored) return;
        self.reader.push(bytes) catch {
            self.is_ignored = true;
            if (!std.mem.startsWith(u8, std.mem.trimStart(u8, bytes, " "), last_word)) self.has_unread = true;
        };
    }
};

pub fn isLineEnd(character: u8) bool {
    return character == '\n' or character == '\r';
}

const lanes = 16;
const Lanes = @Vector(lanes, u8);

/// Returns the index of the first line end from `from` on, or the length.
fn lineEnd(bytes: []const u8, from: usize) usize {
    var index = from;
    while (index + lanes <= bytes.len) : (index += lanes) {
        const block: Lanes = bytes[index..][0..lanes].*;
        const ends = @as(u16, @bitCast(block == @as(Lanes, @splat('\n')))) | @as(u16, @bitCast(block == @as(Lanes, @splat('\r'))));
        if (ends != 0) return index + @ctz(ends);
    }
    while (index < bytes.len and !isLineEnd(bytes[index])) index += 1;
    return index;
}
