//! A bounded list of different short texts.

const std = @import("std");

const entries_max = 32;
const entry_bytes_max = 256;
pub const separator = '\n';

pub const TextList = struct {
    entries: [entries_max][]const u8 = undefined,
    count: usize = 0,

    pub fn items(self: *const TextList) []const []const u8 {
        return self.entries[0..self.count];
    }

    /// Adds `prefix:text`, or the text alone. Returns false if there is no room for it, or it cannot be an entry.
    pub fn add(self: *TextList, arena: std.mem.Allocator, prefix: []const u8, text: []const u8) error{OutOfMemory}!bool {
        if (text.len > entry_bytes_max or std.mem.findScalar(u8, text, separator) != null) return false;
        const entry = if (prefix.len == 0)
            try arena.dupe(u8, text)
        else
            try std.mem.concat(arena, u8, &.{ prefix, ":", text });
        for (self.items()) |known| {
            if (std.mem.eql(u8, known, entry)) return true;
        }
        if (self.count == entries_max) return false;
        self.entries[self.count] = entry;
        self.count += 1;
        return true;
    }

    /// Returns the entries, one a line.
    pub fn joined(self: *const TextList, arena: std.mem.Allocator) error{OutOfMemory}![]const u8 {
        return std.mem.join(arena, &.{separator}, self.items());
    }
};
