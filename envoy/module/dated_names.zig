//! Model names without their dates, by the rule of `gateway_core.model.catalog.answered_models`.

const std = @import("std");

/// Longer names mean no model here.
pub const bytes_max = 128;

/// Returns a name in lower case without the path before it, written to `room`; null if it is too long or not ASCII.
pub fn plain(name: []const u8, room: *[bytes_max]u8) ?[]const u8 {
    if (name.len > bytes_max) return null;
    for (name) |character| if (character <= ' ' or character > '~') return null;
    const first = if (std.mem.lastIndexOfScalar(u8, name, '/')) |slash| slash + 1 else 0;
    return std.ascii.lowerString(room, name[first..]);
}

/// Returns a plain name without the date, version or `latest` at its end.
pub fn undated(name: []const u8) []const u8 {
    for (name, 0..) |character, index| {
        if ((character == '-' or character == '@') and isDate(name[index + 1 ..])) return name[0..index];
    }
    return name;
}

/// `d` is a digit.
const forms = [_][]const u8{ "dddddddd", "dddd-dd-dd", "dd-dddd", "dd-dd", "ddd", "dddd", "latest", "vd", "vdd", "vd:d", "vd:dd", "vdd:d", "vdd:dd" };

fn isDate(text: []const u8) bool {
    for (forms) |form| {
        if (form.len == text.len and matches(form, text)) return true;
    }
    return false;
}

fn matches(form: []const u8, text: []const u8) bool {
    for (form, text) |wanted, character| {
        if (if (wanted == 'd') !std.ascii.isDigit(character) else wanted != character) return false;
    }
    return true;
}
