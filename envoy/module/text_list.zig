//! A bounded list of different short texts.

const std = @import("std");

const entry_bytes_max = 256;
pub const separator = '\n';

pub const TextList = struct {
    entries_max: usize = 32,
    entries: std.array_hash_map.String(void) = .empty,

    pub fn items(self: *const TextList) []const []const u8 {
        return self.entries.keys();
    }

    pub fn count(self: *const TextList) usize {
        return self.entries.count();
    }

    /// Adds `prefix:text`, or the text alone. Returns false if there is no room for it, or it cannot be an entry.
    pub fn add(self: *TextList, arena: std.mem.Allocator, prefix: []const u8, text: []const u8) error{OutOfMemory}!bool {
        if (text.len > entry_bytes_max or std.mem.findScalar(u8, text, separator) != null) return false;
        const entry = if (prefix.len == 0)
            try arena.dupe(u8, text)
        else
            try std.mem.concat(arena, u8, &.{ prefix, ":", text });
        if (self.entries.contains(entry)) return true;
        if (self.count() == self.entries_max) return false;
        try self.entries.put(arena, entry, {});
        return true;
    }

    /// Returns the entries, one a line.
    pub fn joined(self: *const TextList, arena: std.mem.Allocator) error{OutOfMemory}![]const u8 {
        return std.mem.join(arena, &.{separator}, self.items());
    }
};
