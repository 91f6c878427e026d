//! The ids that a provider hands out in an answer for what it stores: output items, containers, files and recordings.
//! Settlement binds them to the caller. Each is kept once, as `<kind>:<id>`.

const std = @import("std");
const Text = std.ArrayList(u8);

pub const Kind = enum { item, container, file, audio };

const entries_max = 256;
const id_bytes_max = 256;
const separator = '\n';

pub const StoredIds = struct {
    /// Every entry stands between two separators.
    text: Text = .empty,
    count: usize = 0,

    pub fn deinit(self: *StoredIds, allocator: std.mem.Allocator) void {
        self.text.deinit(allocator);
    }

    /// Drops the entries, but keeps their memory.
    pub fn clear(self: *StoredIds) void {
        self.text.clearRetainingCapacity();
        self.count = 0;
    }

    /// Adds an id. Skips one that no provider makes, and those beyond the bound: a call that names them later is refused.
    pub fn add(self: *StoredIds, allocator: std.mem.Allocator, kind: Kind, id: []const u8) error{OutOfMemory}!void {
        if (!isId(id)) return;
        var buffer: [id_bytes_max + 16]u8 = undefined;
        const entry = std.fmt.bufPrint(&buffer, "\n{s}:{s}\n", .{ @tagName(kind), id }) catch return;
        try self.addEntry(allocator, entry);
    }

    pub fn addAll(self: *StoredIds, allocator: std.mem.Allocator, other: *const StoredIds) error{OutOfMemory}!void {
        var start: usize = 0;
        while (std.mem.findScalarPos(u8, other.text.items, start + 1, separator)) |end| : (start = end) {
            try self.addEntry(allocator, other.text.items[start .. end + 1]);
        }
    }

    fn addEntry(self: *StoredIds, allocator: std.mem.Allocator, entry: []const u8) error{OutOfMemory}!void {
        if (self.count == entries_max or std.mem.find(u8, self.text.items, entry) != null) return;
        try self.text.appendSlice(allocator, if (self.count == 0) entry else entry[1..]);
        self.count += 1;
    }

    /// Returns the entries, one a line.
    pub fn lines(self: *const StoredIds) []const u8 {
        return if (self.count == 0) "" else self.text.items[1 .. self.text.items.len - 1];
    }
};

fn isId(text: []const u8) bool {
    if (text.len == 0 or text.len > id_bytes_max) return false;
    for (text) |character| if (character <= ' ' or character > '~') return false;
    return true;
}
