//! Facts as the fields of a `google.protobuf.Struct`, in its wire format.

const std = @import("std");
const contract = @import("contract.zig");

const Text = std.ArrayList(u8);

/// The value of a fact.
pub const Found = union(enum) {
    nothing,
    characters: []const u8,
    number: f64,
    boolean: bool,
};

/// Appends the field of a body that cannot be read.
pub fn appendUnreadable(allocator: std.mem.Allocator, fields: *Text, why: []const u8) error{OutOfMemory}!void {
    try append(allocator, fields, .unreadable, .{ .characters = why });
}

/// Appends an entry of `Struct.fields`. If a key has two entries, the later one counts.
pub fn append(allocator: std.mem.Allocator, fields: *Text, fact: contract.RequestFact, found: Found) error{OutOfMemory}!void {
    return appendNamed(allocator, fields, @tagName(fact), found);
}

/// Appends an entry with a key of another namespace.
pub fn appendNamed(allocator: std.mem.Allocator, fields: *Text, key: []const u8, found: Found) error{OutOfMemory}!void {
    var head: [12]u8 = undefined;
    const value = switch (found) {
        .nothing => return,
        .characters => |characters| lengthHead(&head, 0x1a, characters.len),
        .number => |number| numberHead(&head, number),
        .boolean => |boolean| booleanHead(&head, boolean),
    };
    const rest = if (found == .characters) found.characters else "";
    const value_length = value.len + rest.len;
    var value_head: [12]u8 = undefined;
    const value_start = lengthHead(&value_head, 0x12, value_length);
    var key_head: [12]u8 = undefined;
    const key_start = lengthHead(&key_head, 0x0a, key.len);
    var entry_head: [12]u8 = undefined;
    const entry_length = key_start.len + key.len + value_start.len + value_length;
    for ([_][]const u8{ lengthHead(&entry_head, 0x0a, entry_length), key_start, key, value_start, value, rest }) |part| {
        try fields.appendSlice(allocator, part);
    }
}

fn lengthHead(buffer: *[12]u8, tag: u8, length: usize) []const u8 {
    buffer[0] = tag;
    var index: usize = 1;
    var rest = length;
    while (rest >= 0x80) : (rest >>= 7) {
        buffer[index] = @as(u8, @truncate(rest)) | 0x80;
        index += 1;
    }
    buffer[index] = @truncate(rest);
    return buffer[0 .. index + 1];
}

fn numberHead(buffer: *[12]u8, number: f64) []const u8 {
    buffer[0] = 0x11;
    std.mem.writeInt(u64, buffer[1..9], @bitCast(number), .little);
    return buffer[0..9];
}

fn booleanHead(buffer: *[12]u8, boolean: bool) []const u8 {
    buffer[0] = 0x20;
    buffer[1] = @intFromBool(boolean);
    return buffer[0..2];
}
