//! Streams of server-sent events. The reader extracts usage while they pass, and hides the chunk with only usage from
//! callers who did not ask for it.
//!
//! That chunk is one `data:` line with an object that has empty `choices` and an object as `usage`. A line is held back
//! only while it may still become such a chunk, and at most `held_bytes_max` of it.

const std = @import("std");
const json = @import("json_reader.zig");
const usage = @import("usage.zig");
const Text = std.ArrayList(u8);

/// A usage chunk has a few hundred bytes.
pub const held_bytes_max = 16_384;
/// A longer event is not read.
pub const event_bytes_max = 10 * 1024 * 1024;

const field_name = "data:";

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
    event_bytes: usize = 0,
    /// Whether the rest of this event is not read.
    is_ignored: bool = false,

    /// The current line, or the one before it, may be a usage chunk and is not shown yet.
    is_holding: bool = false,
    /// That line is a usage chunk. The next line decides whether it is hidden.
    is_judged: bool = false,
    /// The held part of earlier pieces.
    held: Text = .empty,
    /// Indexes in the current piece: where the held line begins, and where the part that is not passed on yet begins.
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
        if (!self.is_ignored and self.reader.isDone()) try self.reader.visitor.addTo(&self.facts);
    }

    fn endPiece(self: *Stream, bytes: []const u8, out: *Text) error{OutOfMemory}!bool {
        if (self.is_holding) {
            self.is_changed = true;
            try out.appendSlice(self.allocator, bytes[self.shown_from..self.hold_from]);
            try self.held.appendSlice(self.allocator, bytes[self.hold_from..]);
            if (self.held.items.len > held_bytes_max) {
                self.is_holding = false;
                self.is_judged = false;
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

    /// Shows the held line after all.
    fn release(self: *Stream, out: *Text) error{OutOfMemory}!void {
        if (!self.is_holding) return;
        self.is_holding = false;
        self.is_judged = false;
        try self.showHeld(out);
    }

    /// Hides the held line, up to `index`.
    fn drop(self: *Stream, bytes: []const u8, index: usize, out: *Text) error{OutOfMemory}!void {
        self.is_holding = false;
        self.is_judged = false;
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
        if (self.is_judged) {
            self.shown_lines += 1; // the event has more lines, so the held one is not a usage chunk
            try self.release(out);
        }
        self.matched = 0;
        self.state = .field;
        if (self.hides_usage and self.data_lines == 0) {
            self.is_holding = true;
            self.hold_from = index;
        }
        return index;
    }

    /// Handles the blank line that ends an event. The line stays if another line of the event was shown.
    fn endEvent(self: *Stream, bytes: []const u8, index: usize, out: *Text) error{OutOfMemory}!usize {
        const is_dropped = self.is_judged and self.shown_lines == 0;
        if (self.is_judged) try self.drop(bytes, index, out);
        if (is_dropped) try self.dropByte(bytes, index, out);
        if (bytes[index] == '\r') self.line_feed = if (is_dropped) .dropped else .shown;
        try self.finish();
        if (self.data_lines > 0) {
            self.reader.reset();
            self.reader.visitor.reset();
        }
        self.data_lines = 0;
        self.shown_lines = 0;
        self.event_bytes = 0;
        self.is_ignored = false;
        return index + 1;
    }

    fn readField(self: *Stream, bytes: []const u8, index: usize, out: *Text) error{OutOfMemory}!usize {
        if (bytes[index] != field_name[self.matched]) {
            try self.release(out);
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
        if (self.is_holding and (self.is_ignored or !self.reader.visitor.mayBeUsageChunk())) try self.release(out);
        if (end == bytes.len) return end;
        const is_chunk = self.is_holding and self.reader.isDone() and self.reader.visitor.isUsageChunk();
        if (!is_chunk) try self.release(out);
        return self.endLine(bytes, end, is_chunk);
    }

    fn skipRest(self: *Stream, bytes: []const u8, index: usize, _: *Text) error{OutOfMemory}!usize {
        const end = lineEnd(bytes, index);
        return if (end == bytes.len) end else self.endLine(bytes, end, false);
    }

    fn endLine(self: *Stream, bytes: []const u8, end: usize, is_chunk: bool) usize {
        self.state = .line_start;
        self.is_judged = is_chunk;
        if (!is_chunk) self.shown_lines += 1;
        if (bytes[end] == '\r') self.line_feed = .shown;
        return end + 1;
    }

    /// Reads a piece of the event's data. Data that is not a JSON object is no error: most streams end with a word.
    fn read(self: *Stream, bytes: []const u8) void {
        if (self.is_ignored) return;
        self.event_bytes += bytes.len;
        if (self.event_bytes > event_bytes_max) {
            self.is_ignored = true;
            return;
        }
        self.reader.push(bytes) catch {
            self.is_ignored = true;
        };
    }
};

fn isLineEnd(character: u8) bool {
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
