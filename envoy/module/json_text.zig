//! Writes JSON.

const std = @import("std");

pub const Text = std.ArrayList(u8);

fn isPlain(character: u8) bool {
    return character >= 0x20 and character != '"' and character != '\\';
}

/// Appends `characters` as a JSON string. Non-ASCII bytes are written unchanged.
pub fn appendString(allocator: std.mem.Allocator, text: *Text, characters: []const u8) error{OutOfMemory}!void {
    try text.ensureUnusedCapacity(allocator, characters.len + 2);
    try text.append(allocator, '"');
    var from: usize = 0;
    for (characters, 0..) |character, index| {
        if (isPlain(character)) continue;
        try text.appendSlice(allocator, characters[from..index]);
        try appendEscape(allocator, text, character);
        from = index + 1;
    }
    try text.appendSlice(allocator, characters[from..]);
    try text.append(allocator, '"');
}

fn appendEscape(allocator: std.mem.Allocator, text: *Text, character: u8) error{OutOfMemory}!void {
    const digits = "0123456789abcdef";
    switch (character) {
        '"' => try text.appendSlice(allocator, "\\\""),
        '\\' => try text.appendSlice(allocator, "\\\\"),
        '\n' => try text.appendSlice(allocator, "\\n"),
        '\r' => try text.appendSlice(allocator, "\\r"),
        '\t' => try text.appendSlice(allocator, "\\t"),
        else => try text.appendSlice(allocator, &.{ '\\', 'u', '0', '0', digits[character >> 4], digits[character & 15] }),
    }
}

/// Replaces every byte that is not ASCII by a question mark.
pub fn replaceNonAscii(characters: []u8) void {
    for (characters) |*character| {
        if (character.* >= 0x80) character.* = '?';
    }
}
