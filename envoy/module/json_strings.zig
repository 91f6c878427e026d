//! Reads the inside of a JSON string piece by piece: strict UTF-8, escapes, surrogates only in pairs.

const std = @import("std");

pub const Error = error{Malformed};

/// Replaces an invalid character.
pub const replacement: u21 = 0xfffd;

const lanes = 16;
const Lanes = @Vector(lanes, u8);

/// Returns the index of the first byte from `from` on that is not plain ASCII text of a string, or the length.
pub fn plainEnd(bytes: []const u8, from: usize) usize {
    var index = from;
    while (index + lanes <= bytes.len) : (index += lanes) {
        const block: Lanes = bytes[index..][0..lanes].*;
        const control = block < @as(Lanes, @splat(0x20));
        const beyond = block > @as(Lanes, @splat(0x7f));
        const quote = block == @as(Lanes, @splat('"'));
        const backslash = block == @as(Lanes, @splat('\\'));
        const special = @as(u16, @bitCast(control)) | @as(u16, @bitCast(beyond)) |
            @as(u16, @bitCast(quote)) | @as(u16, @bitCast(backslash));
        if (special != 0) return index + @ctz(special);
    }
    while (index < bytes.len and isPlain(bytes[index])) index += 1;
    return index;
}

fn isPlain(character: u8) bool {
    return character >= 0x20 and character < 0x80 and character != '"' and character != '\\';
}

/// The valid bytes of one non-ASCII character: no overlong form, no surrogate, nothing beyond U+10FFFF.
pub const Sequence = struct {
    missing: u8 = 0,
    low: u8 = 0x80,
    high: u8 = 0xbf,

    pub fn begin(lead: u8) Error!Sequence {
        return switch (lead) {
            0xc2...0xdf => .{ .missing = 1 },
            0xe0 => .{ .missing = 2, .low = 0xa0 },
            0xe1...0xec, 0xee, 0xef => .{ .missing = 2 },
            0xed => .{ .missing = 2, .high = 0x9f },
            0xf0 => .{ .missing = 3, .low = 0x90 },
            0xf1...0xf3 => .{ .missing = 3 },
            0xf4 => .{ .missing = 3, .high = 0x8f },
            else => error.Malformed,
        };
    }

    pub fn take(self: *Sequence, byte: u8) Error!void {
        if (self.missing == 0 or byte < self.low or byte > self.high) return error.Malformed;
        self.* = .{ .missing = self.missing - 1 };
    }
};

/// An incomplete escape.
pub const Escape = struct {
    step: Step = .kind,
    digits: u8 = 0,
    unit: u16 = 0,
    /// The first half of a surrogate pair. The second half must follow immediately.
    half: u16 = 0,

    const Step = enum { kind, digits, second_backslash, second_u };

    /// Returns whether the first half of a surrogate pair is complete, and this byte does not continue the second half.
    pub fn isHalf(self: *const Escape, byte: u8) bool {
        return switch (self.step) {
            .second_backslash => byte != '\\',
            .second_u => byte != 'u',
            else => false,
        };
    }

    /// Takes one byte after the backslash. Returns the character once it is complete.
    pub fn take(self: *Escape, byte: u8) Error!?u21 {
        switch (self.step) {
            .kind => return self.takeKind(byte),
            .digits => return self.takeDigit(byte),
            .second_backslash => {
                if (byte != '\\') return error.Malformed;
                self.step = .second_u;
            },
            .second_u => {
                if (byte != 'u') return error.Malformed;
                self.expectDigits();
            },
        }
        return null;
    }

    fn expectDigits(self: *Escape) void {
        self.step = .digits;
        self.digits = 0;
        self.unit = 0;
    }

    fn takeKind(self: *Escape, byte: u8) Error!?u21 {
        switch (byte) {
            '"', '\\', '/' => return byte,
            'b' => return 8,
            'f' => return 12,
            'n' => return '\n',
            'r' => return '\r',
            't' => return '\t',
            'u' => self.expectDigits(),
            else => return error.Malformed,
        }
        return null;
    }

    fn takeDigit(self: *Escape, byte: u8) Error!?u21 {
        const digit = std.fmt.charToDigit(byte, 16) catch return error.Malformed;
        self.unit = self.unit << 4 | digit;
        self.digits += 1;
        if (self.digits < 4) return null;
        const is_first = self.unit >= 0xd800 and self.unit <= 0xdbff;
        const is_second = self.unit >= 0xdc00 and self.unit <= 0xdfff;
        if (self.half != 0) {
            if (!is_second) return error.Malformed;
            return 0x10000 + (@as(u21, self.half - 0xd800) << 10) + (self.unit - 0xdc00);
        }
        if (is_second) return error.Malformed;
        if (!is_first) return self.unit;
        self.half = self.unit;
        self.step = .second_backslash;
        return null;
    }
};

/// A complete escape at the beginning of `bytes`, and its length after the backslash.
pub const Whole = struct { character: u21, length: usize };

/// Decodes a complete escape, the common case. Returns null for one that is cut, invalid, or half of a pair.
pub fn wholeEscape(bytes: []const u8) ?Whole {
    if (bytes.len == 0) return null;
    var escape: Escape = .{};
    if (bytes[0] != 'u') return .{ .character = (escape.takeKind(bytes[0]) catch return null) orelse return null, .length = 1 };
    if (bytes.len < 5) return null;
    var unit: u21 = 0;
    for (bytes[1..5]) |digit| unit = unit << 4 | (std.fmt.charToDigit(digit, 16) catch return null);
    return if (unit >= 0xd800 and unit <= 0xdfff) null else .{ .character = unit, .length = 5 };
}

/// Returns the UTF-8 bytes of a character that is not a surrogate.
pub fn encode(character: u21, buffer: *[4]u8) []const u8 {
    const length = std.unicode.utf8Encode(character, buffer) catch return "";
    return buffer[0..length];
}
