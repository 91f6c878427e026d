//! A strict JSON reader that takes a text in pieces and stores only what its visitor asks for.
//!
//! It accepts RFC 8259, except for more than `depth_max` levels, and numbers that readers disagree on (see `numbers`) where
//! the visitor asks for them.
//! It does not recurse: open brackets are bits. Its time is linear, and the result does not depend on how the text is cut.
//!
//! For a provider's response only the structure matters. A visitor that is not strict skips over numbers that do not fit
//! any type or are none, half surrogate pairs and invalid UTF-8, so that none of them hides the usage that follows.
//!
//! A visitor receives the members of objects, and the elements of arrays as members without a key, except inside what it
//! skips:
//!   `is_strict`            whether the content between brackets and quotes is checked
//!   `key_depth`            the maximum depth of reported members: 1 for those of the outermost object
//!   `text_bytes_max`       the longest value that it receives; for a longer one it receives null
//!   `top(kind)`            the outermost value begins
//!   `begins(member)`       a member's value begins; returns how much of it to keep
//!   `ends(value)`          that value has ended
//!   `count(bytes)`         optional: that many bytes of a value that it asked to be counted

const std = @import("std");
const numbers = @import("numbers.zig");
const strings = @import("json_strings.zig");

pub const depth_max = 1000;
/// No relevant key is longer. Of a longer key only the beginning is reported, which equals no relevant key.
pub const key_bytes_max = 64;

/// Room for most kept values.
const kept_bytes_usual = 256;

pub const Failure = error{ Malformed, TooDeep, Refused, OutOfMemory };
pub const Kind = enum { string, number, true, false, null, object, array };
/// The length of the beginning of a string that a visitor can ask for.
pub const start_bytes = 64;
/// What to keep of a value: nothing, the characters of a string, only its first ones, or the raw bytes. `count` keeps
/// nothing and counts the characters, without escapes and insignificant spaces. `skip` keeps nothing and reports nothing
/// inside of the value, nor its end.
pub const Keep = enum { nothing, characters, start, bytes, count, skip };

pub const Member = struct {
    depth: usize,
    /// Empty for an element of an array.
    key: []const u8,
    is_escaped: bool,
    kind: Kind,
    is_element: bool,
};

pub const Value = struct {
    depth: usize,
    /// Offsets in the whole text. `last` is one past the value.
    first: usize,
    last: usize,
    text: ?[]const u8,
};

const State = enum { value, element_or_end, key_or_end, key, colon, separator, string, number, literal, done };

pub fn Reader(comptime Visitor: type) type {
    return struct {
        const Self = @This();
        const can_count = @hasDecl(Visitor, "count");

        allocator: std.mem.Allocator,
        visitor: Visitor,
        state: State = .value,
        depth: usize = 0,
        is_object: std.StaticBitSet(depth_max + 1) = .empty,
        /// The offset of the current piece in the whole text.
        offset: usize = 0,

        is_key: bool = false,
        key_buffer: [key_bytes_max]u8 = undefined,
        key_length: usize = 0,
        key_is_escaped: bool = false,
        sequence: strings.Sequence = .{},
        escape: ?strings.Escape = null,

        literal: []const u8 = "",
        number: std.ArrayList(u8) = .empty,

        first_of: [Visitor.key_depth + 1]usize = undefined,
        keeping: Keep = .nothing,
        keeping_depth: usize = 0,
        kept: std.ArrayList(u8) = .empty,
        kept_is_cut: bool = false,
        /// Where the kept bytes begin in the current piece.
        kept_from: usize = 0,
        /// The depth of the value whose characters are counted, or 0.
        counting: usize = 0,
        /// The depth of the value that is skipped, or 0.
        skipping: usize = 0,

        pub fn init(allocator: std.mem.Allocator, visitor: Visitor) Self {
            return .{ .allocator = allocator, .visitor = visitor };
        }

        pub fn deinit(self: *Self) void {
            self.number.deinit(self.allocator);
            self.kept.deinit(self.allocator);
        }

        /// Prepares for another text. The visitor is unchanged.
        pub fn reset(self: *Self) void {
            self.state = .value;
            self.depth = 0;
            self.offset = 0;
            self.sequence = .{};
            self.escape = null;
            self.keeping = .nothing;
            self.counting = 0;
            self.skipping = 0;
            self.number.clearRetainingCapacity();
        }

        pub fn isDone(self: *const Self) bool {
            return self.state == .done;
        }

        /// Reads the next piece.
        pub fn push(self: *Self, bytes: []const u8) Failure!void {
            self.kept_from = 0;
            var index: usize = 0;
            while (index < bytes.len) {
                index = switch (self.state) {
                    .string => try self.readString(bytes, index),
                    .number => try self.readNumber(bytes, index),
                    .literal => try self.readLiteral(bytes, index),
                    else => try self.readStructure(bytes, index),
                };
            }
            if (self.keeping == .bytes) try self.keep(bytes[self.kept_from..]);
            self.offset += bytes.len;
        }

        /// Handles the end of the text.
        pub fn finish(self: *Self) Failure!void {
            // A number has no end marker. Inside brackets, its text broke off.
            if (self.state == .number and self.depth == 0) try self.endNumber(self.number.items, &.{}, 0);
            if (self.state != .done) return error.Malformed;
        }

        fn readStructure(self: *Self, bytes: []const u8, index: usize) Failure!usize {
            const character = bytes[index];
            switch (character) {
                ' ', '\t', '\n', '\r' => return index + 1,
                '"' => return self.beginString(bytes, index),
                ',' => {
                    if (self.state != .separator) return error.Malformed;
                    self.state = if (self.is_object.isSet(self.depth)) .key else .value;
                },
                ':' => {
                    if (self.state != .colon) return error.Malformed;
                    self.state = .value;
                },
                '{', '[' => try self.open(character == '{', index),
                '}', ']' => try self.close(character == '}', bytes, index),
                '-', '0'...'9', 'N', 'I' => {
                    if (Visitor.is_strict and character > '9') return error.Malformed;
                    try self.beginValue(.number, index);
                    self.number.clearRetainingCapacity();
                    self.state = .number;
                    return self.readNumber(bytes, index);
                },
                't', 'f', 'n' => {
                    const kind: Kind = if (character == 't') .true else if (character == 'f') .false else .null;
                    try self.beginValue(kind, index);
                    self.literal = @tagName(kind);
                    self.state = .literal;
                    return index;
                },
                else => return error.Malformed,
            }
            self.count(1);
            return index + 1;
        }

        fn open(self: *Self, is_object: bool, index: usize) Failure!void {
            try self.beginValue(if (is_object) .object else .array, index);
            if (self.depth == depth_max) return error.TooDeep;
            self.depth += 1;
            self.is_object.setValue(self.depth, is_object);
            self.state = if (is_object) .key_or_end else .element_or_end;
        }

        fn close(self: *Self, is_object: bool, bytes: []const u8, index: usize) Failure!void {
            if (self.depth == 0 or self.is_object.isSet(self.depth) != is_object) return error.Malformed;
            const is_empty = self.state == .key_or_end or self.state == .element_or_end;
            if (self.state != .separator and !is_empty) return error.Malformed;
            self.depth -= 1;
            try self.endValue(bytes, index + 1);
        }

        /// Returns whether the visitor receives the current value.
        fn isReported(self: *const Self) bool {
            return self.skipping == 0 and self.depth > 0 and self.depth <= Visitor.key_depth;
        }

        fn count(self: *Self, bytes: usize) void {
            if (can_count and self.counting > 0) self.visitor.count(bytes);
        }

        fn beginValue(self: *Self, kind: Kind, index: usize) Failure!void {
            if (self.state != .value and self.state != .element_or_end) return error.Malformed;
            if (self.depth == 0) try self.visitor.top(kind);
            if (!self.isReported()) return;
            const is_element = !self.is_object.isSet(self.depth);
            const wanted = try self.visitor.begins(.{
                .depth = self.depth,
                .key = if (is_element) "" else self.key_buffer[0..self.key_length],
                .is_escaped = self.key_is_escaped,
                .kind = kind,
                .is_element = is_element,
            });
            if (wanted == .skip) {
                self.skipping = self.depth;
                return;
            }
            self.first_of[self.depth] = self.offset + index;
            if (wanted == .count) {
                if (self.counting == 0) self.counting = self.depth;
                return;
            }
            if (wanted == .nothing or self.keeping != .nothing) return;
            self.keeping = wanted;
            self.keeping_depth = self.depth;
            self.kept.clearRetainingCapacity();
            self.kept_is_cut = false;
            self.kept_from = index;
        }

        /// Ends a value. `last` is the index one past it in the current piece.
        fn endValue(self: *Self, bytes: []const u8, last: usize) Failure!void {
            self.state = if (self.depth == 0) .done else .separator;
            if (self.skipping > 0) {
                if (self.skipping == self.depth) self.skipping = 0;
                return;
            }
            if (!self.isReported()) return;
            if (can_count and self.counting == self.depth) self.counting = 0;
            var text: ?[]const u8 = null;
            if (self.keeping != .nothing and self.keeping_depth == self.depth) {
                if (self.keeping == .bytes) try self.keep(bytes[self.kept_from..last]);
                if (!self.kept_is_cut) text = self.kept.items;
                self.keeping = .nothing;
            }
            const first = self.first_of[self.depth];
            try self.visitor.ends(.{ .depth = self.depth, .first = first, .last = self.offset + last, .text = text });
        }

        fn keep(self: *Self, bytes: []const u8) Failure!void {
            if (self.keeping == .start) {
                const taken = @min(bytes.len, start_bytes -| self.kept.items.len);
                return self.kept.appendSlice(self.allocator, bytes[0..taken]);
            }
            if (self.kept_is_cut or self.kept.items.len + bytes.len > Visitor.text_bytes_max) {
                self.kept_is_cut = true;
                return;
            }
            if (self.kept.capacity == 0) try self.kept.ensureTotalCapacity(self.allocator, kept_bytes_usual);
            try self.kept.appendSlice(self.allocator, bytes);
        }

        fn beginString(self: *Self, bytes: []const u8, index: usize) Failure!usize {
            self.is_key = self.state == .key or self.state == .key_or_end;
            if (self.is_key) {
                self.key_length = 0;
                self.key_is_escaped = false;
            } else {
                try self.beginValue(.string, index);
            }
            self.state = .string;
            return self.readString(bytes, index + 1);
        }

        fn readString(self: *Self, bytes: []const u8, from: usize) Failure!usize {
            var index = from;
            while (index < bytes.len) {
                if (self.escape != null) {
                    if (try self.readEscape(bytes[index])) index += 1;
                    continue;
                }
                const start = index;
                if (self.sequence.missing == 0) index = strings.plainEnd(bytes, index);
                index = try self.readSequences(bytes, index);
                try self.take(bytes[start..index]);
                if (index == bytes.len or self.sequence.missing > 0) continue;
                const character = bytes[index];
                if (character == '"') {
                    try self.endString(bytes, index + 1);
                    return index + 1;
                }
                if (character == '\\') {
                    index = try self.beginEscape(bytes, index + 1);
                } else if (character < 0x20) {
                    if (Visitor.is_strict) return error.Malformed;
                    try self.take(bytes[index..][0..1]);
                    index += 1;
                }
            }
            return index;
        }

        fn readSequences(self: *Self, bytes: []const u8, from: usize) Failure!usize {
            var index = from;
            while (index < bytes.len) : (index += 1) {
                if (!Visitor.is_strict) {
                    if (bytes[index] < 0x80) break;
                } else if (self.sequence.missing > 0) {
                    try self.sequence.take(bytes[index]);
                } else if (bytes[index] >= 0x80) {
                    self.sequence = try strings.Sequence.begin(bytes[index]);
                } else break;
            }
            return index;
        }

        fn beginEscape(self: *Self, bytes: []const u8, index: usize) Failure!usize {
            if (self.is_key) self.key_is_escaped = true;
            const whole = strings.wholeEscape(bytes[index..]) orelse {
                self.escape = .{};
                return index;
            };
            try self.takeCharacter(whole.character);
            return index + whole.length;
        }

        fn takeCharacter(self: *Self, character: u21) Failure!void {
            if (!self.is_key and self.keeping != .characters and self.keeping != .start and self.counting == 0) return;
            var buffer: [4]u8 = undefined;
            try self.take(strings.encode(character, &buffer));
        }

        /// Returns whether the byte was part of the escape.
        fn readEscape(self: *Self, byte: u8) Failure!bool {
            var escape = self.escape orelse return false;
            if (!Visitor.is_strict and escape.isHalf(byte)) {
                // Half a surrogate pair stands alone. What follows it is read by itself.
                self.escape = if (escape.step == .second_u) .{} else null;
                try self.takeCharacter(strings.replacement);
                return false;
            }
            var is_taken = true;
            const character = escape.take(byte) catch |failure| wrong: {
                if (Visitor.is_strict) return failure;
                is_taken = escape.step == .kind or std.ascii.isHex(byte);
                break :wrong strings.replacement;
            };
            const whole = character orelse {
                self.escape = escape;
                return true;
            };
            self.escape = null;
            try self.takeCharacter(whole);
            return is_taken;
        }

        /// Keeps characters of the current string if the visitor wants them.
        fn take(self: *Self, characters: []const u8) Failure!void {
            self.count(characters.len);
            if (self.is_key) {
                if (self.skipping > 0 or self.depth > Visitor.key_depth) return;
                const length = @min(characters.len, key_bytes_max - self.key_length);
                @memcpy(self.key_buffer[self.key_length..][0..length], characters[0..length]);
                self.key_length += length;
            } else if (self.keeping == .characters or self.keeping == .start) {
                try self.keep(characters);
            }
        }

        fn endString(self: *Self, bytes: []const u8, last: usize) Failure!void {
            // A counted string has no quotes, but the strings inside a counted object do.
            if (self.counting != self.depth or self.is_key) self.count(2);
            if (self.is_key) {
                self.state = .colon;
            } else {
                try self.endValue(bytes, last);
            }
        }

        fn readNumber(self: *Self, bytes: []const u8, from: usize) Failure!usize {
            var index = from;
            while (index < bytes.len and isNumberPart(bytes[index])) index += 1;
            const piece = bytes[from..index];
            self.count(piece.len);
            if (self.number.items.len + piece.len > numbers.bytes_max) return error.Malformed;
            if (index < bytes.len and self.number.items.len == 0) {
                try self.endNumber(piece, bytes, index);
                return index;
            }
            try self.number.appendSlice(self.allocator, piece);
            if (index < bytes.len) try self.endNumber(self.number.items, bytes, index);
            return index;
        }

        /// Some servers write numbers that are none, as Python and JavaScript do: `NaN`, `-Infinity`.
        fn isNumberPart(character: u8) bool {
            return numbers.isPart(character) or (!Visitor.is_strict and std.ascii.isAlphabetic(character));
        }

        fn endNumber(self: *Self, text: []const u8, bytes: []const u8, last: usize) Failure!void {
            // A number that no one reads may be any: a limit in a tool's schema decides nothing.
            const counts = self.keeping == .bytes and self.keeping_depth == self.depth;
            if (Visitor.is_strict) try if (counts) numbers.check(text) else numbers.checkGrammar(text);
            try self.endValue(bytes, last);
        }

        fn readLiteral(self: *Self, bytes: []const u8, from: usize) Failure!usize {
            const length = @min(self.literal.len, bytes.len - from);
            const matched = std.mem.indexOfDiff(u8, bytes[from..][0..length], self.literal[0..length]) orelse length;
            self.count(matched); // also before a fault, so that the count does not depend on where the text was cut
            if (matched < length) return error.Malformed;
            self.literal = self.literal[length..];
            if (self.literal.len == 0) try self.endValue(bytes, from + length);
            return from + length;
        }
    };
}
