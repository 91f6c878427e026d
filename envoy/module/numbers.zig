//! Which numbers may decide something: those of JSON's grammar that every reader behind the gateway can represent.

const std = @import("std");

pub const Error = error{Malformed};

/// Longer numbers are refused: no client sends them, and a number that is cut between two chunks must be stored.
pub const bytes_max = 1024;

/// Integers with at most this many digits fit into 63 bits.
const digits_safe = 18;
/// The decimal exponent of the largest double.
const exponent_max = 308;
/// Beyond this, the exponent alone decides, however many digits precede it.
const exponent_limit = 100_000;

/// The parts of a number, as the grammar names them.
const Parts = struct {
    integer: []const u8,
    fraction: []const u8,
    exponent: i64,
    is_integer: bool,
    is_negative: bool,
};

pub fn isPart(character: u8) bool {
    return switch (character) {
        '0'...'9', '-', '+', '.', 'e', 'E' => true,
        else => false,
    };
}

/// Refuses malformed numbers, numbers that no double can hold, and integers between 2^63 and 2^64, which some readers
/// take for negative.
pub fn check(text: []const u8) Error!void {
    if (isShortInteger(text)) return;
    const parts = try split(text);
    if (parts.is_integer and parts.integer.len <= digits_safe) return;
    if (parts.is_integer and !parts.is_negative and isUnsignedOnly(parts.integer)) return error.Malformed;
    const magnitude = magnitudeOf(parts) orelse return;
    if (magnitude < exponent_max) return;
    if (magnitude > exponent_max) return error.Malformed;
    if (std.math.isInf(try valueOf(text))) return error.Malformed;
}

/// Refuses malformed numbers. Any size passes.
pub fn checkGrammar(text: []const u8) Error!void {
    if (!isShortInteger(text)) _ = try split(text);
}

/// The common case, which needs no further check.
fn isShortInteger(text: []const u8) bool {
    if (text.len == 0 or text.len > digits_safe or (text[0] == '0' and text.len > 1)) return false;
    return digitsFrom(text, 0) == text.len;
}

/// Returns the double nearest to a number that `check` has accepted.
pub fn valueOf(text: []const u8) Error!f64 {
    return std.fmt.parseFloat(f64, text) catch error.Malformed;
}

fn digitsFrom(text: []const u8, from: usize) usize {
    var index = from;
    while (index < text.len and std.ascii.isDigit(text[index])) index += 1;
    return index;
}

fn split(text: []const u8) Error!Parts {
    if (text.len > bytes_max) return error.Malformed;
    const is_negative = text.len > 0 and text[0] == '-';
    const first: usize = if (is_negative) 1 else 0;
    var index = digitsFrom(text, first);
    const integer = text[first..index];
    if (integer.len == 0 or (integer.len > 1 and integer[0] == '0')) return error.Malformed;
    var parts: Parts = .{ .integer = integer, .fraction = "", .exponent = 0, .is_integer = true, .is_negative = is_negative };
    if (index < text.len and text[index] == '.') {
        const start = index + 1;
        index = digitsFrom(text, start);
        if (index == start) return error.Malformed;
        parts.fraction = text[start..index];
        parts.is_integer = false;
    }
    if (index < text.len and (text[index] == 'e' or text[index] == 'E')) {
        parts.exponent = try exponentOf(text[index + 1 ..]);
        parts.is_integer = false;
        return parts;
    }
    return if (index == text.len) parts else error.Malformed;
}

fn exponentOf(text: []const u8) Error!i64 {
    const has_sign = text.len > 0 and (text[0] == '-' or text[0] == '+');
    const digits = if (has_sign) text[1..] else text;
    if (digits.len == 0) return error.Malformed;
    var exponent: i64 = 0;
    for (digits) |digit| {
        if (!std.ascii.isDigit(digit)) return error.Malformed;
        exponent = @min(exponent * 10 + (digit - '0'), exponent_limit);
    }
    return if (text[0] == '-') -exponent else exponent;
}

fn isUnsignedOnly(digits: []const u8) bool {
    const value = std.fmt.parseInt(u64, digits, 10) catch return false;
    return value > std.math.maxInt(i64);
}

/// Returns the decimal exponent of the first nonzero digit; null for zero.
fn magnitudeOf(parts: Parts) ?i64 {
    if (parts.integer[0] != '0') return @as(i64, @intCast(parts.integer.len)) - 1 + parts.exponent;
    for (parts.fraction, 1..) |digit, place| {
        if (digit != '0') return parts.exponent - @as(i64, @intCast(place));
    }
    return null;
}
