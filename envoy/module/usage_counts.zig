//! Reads the counts inside a usage report.

const std = @import("std");
const numbers = @import("numbers.zig");

/// Numbers of so many digits fit into 64 bits.
const digits_fast = 18;

/// Returns the sum of all numbers in a report, also of those written as strings. It is 0 for `{}` and for zeros.
pub fn sumOf(report: []const u8) f64 {
    var sum: f64 = 0;
    var index: usize = 0;
    while (index < report.len) {
        const first = index;
        if (report[index] == '"') {
            index = stringEnd(report, index);
            if (!isKey(report, index)) sum += countOf(report[first + 1 .. @max(first + 1, index - 1)]);
        } else if (numbers.isPart(report[index])) {
            while (index < report.len and numbers.isPart(report[index])) index += 1;
            sum += countOf(report[first..index]);
        } else index += 1;
    }
    return sum;
}

/// Returns whether a report has a count that is greater than every count under the same key of another report, or that the
/// other report does not have.
pub fn addsTo(report: []const u8, other: []const u8) bool {
    var index: usize = 0;
    while (nextKey(report, &index)) |key| {
        const count = countAt(report, index) orelse continue;
        if (count > 0 and count > greatestOf(other, key)) return true;
    }
    return false;
}

/// Returns the greatest count under a key anywhere in the report; 0 if there is none.
fn greatestOf(report: []const u8, key: []const u8) f64 {
    var greatest: f64 = 0;
    var index: usize = 0;
    while (nextKey(report, &index)) |found| {
        if (std.mem.eql(u8, found, key)) greatest = @max(greatest, countAt(report, index) orelse 0);
    }
    return greatest;
}

/// Returns the next key from `index` on, and moves `index` to its value; null if there is none.
fn nextKey(report: []const u8, index: *usize) ?[]const u8 {
    while (std.mem.indexOfScalarPos(u8, report, index.*, '"')) |first| {
        const end = stringEnd(report, first);
        index.* = end;
        const colon = skipSpaces(report, end);
        if (colon == report.len or report[colon] != ':') continue;
        index.* = skipSpaces(report, colon + 1);
        return report[first + 1 .. @max(first + 1, end - 1)];
    }
    return null;
}

/// Returns the count that begins at `first`, also one that is written as a string; null if there is none.
fn countAt(report: []const u8, first: usize) ?f64 {
    const begin = if (first < report.len and report[first] == '"') first + 1 else first;
    var end = begin;
    while (end < report.len and numbers.isPart(report[end])) end += 1;
    return if (end > begin) countOf(report[begin..end]) else null;
}

/// Returns the string member `key` of the report's object, or of one inside it, if it is written without escapes.
pub fn textOf(report: []const u8, key: []const u8) ?[]const u8 {
    var index: usize = 0;
    while (std.mem.indexOfPos(u8, report, index, key)) |found| {
        index = found + key.len;
        if (found == 0 or report[found - 1] != '"' or index == report.len or report[index] != '"') continue;
        const colon = skipSpaces(report, index + 1);
        if (colon == report.len or report[colon] != ':') continue;
        const first = skipSpaces(report, colon + 1);
        if (first == report.len or report[first] != '"') continue;
        const value = report[first + 1 .. @max(first + 1, stringEnd(report, first) - 1)];
        if (std.mem.indexOfScalar(u8, value, '\\') == null) return value;
    }
    return null;
}

/// Returns the index past the string that begins at `first`.
fn stringEnd(report: []const u8, first: usize) usize {
    var index = first + 1;
    while (index < report.len) : (index += 1) {
        if (report[index] == '\\') index += 1 else if (report[index] == '"') return index + 1;
    }
    return report.len;
}

fn isKey(report: []const u8, after: usize) bool {
    const index = skipSpaces(report, after);
    return index < report.len and report[index] == ':';
}

fn skipSpaces(report: []const u8, from: usize) usize {
    var index = from;
    while (index < report.len and std.ascii.isWhitespace(report[index])) index += 1;
    return index;
}

fn countOf(number: []const u8) f64 {
    if (number.len <= digits_fast) {
        if (std.fmt.parseInt(u64, number, 10)) |count| return @floatFromInt(count) else |_| {}
    }
    numbers.check(number) catch return 0;
    const value = numbers.valueOf(number) catch return 0;
    return if (value > 0) value else 0;
}
