//! The gateway's credentials at the providers, so that no answer can quote them. Read once, from the files that Envoy
//! itself reads them from.

const std = @import("std");

const allocator = std.heap.c_allocator;

const file_bytes_max = 65_536;
/// A shorter text is no secret: it also occurs by chance.
const secret_bytes_min = 8;
/// What replaces a credential.
const blank = "[redacted]";

pub const Credentials = struct {
    secrets: []const []const u8 = &.{},

    /// Reads one credential from each file.
    pub fn read(paths: []const []const u8) error{ OutOfMemory, Unreadable }!Credentials {
        var secrets: std.ArrayList([]const u8) = .empty;
        for (paths) |path| {
            const secret = try readFile(path);
            if (secret.len >= secret_bytes_min) try secrets.append(allocator, secret) else allocator.free(secret);
        }
        return .{ .secrets = try secrets.toOwnedSlice(allocator) };
    }

    pub fn deinit(self: Credentials) void {
        for (self.secrets) |secret| allocator.free(secret);
        allocator.free(self.secrets);
    }

    /// Returns a copy of `text` without credentials, also where JSON escapes hide one; null if it has none.
    pub fn blanked(self: Credentials, text: []const u8) error{OutOfMemory}!?[]const u8 {
        var copy: std.ArrayList(u8) = .empty;
        errdefer copy.deinit(allocator);
        var from: usize = 0;
        var index: usize = 0;
        while (index < text.len) {
            const length = self.lengthAt(text[index..]) orelse {
                index += 1;
                continue;
            };
            try copy.appendSlice(allocator, text[from..index]);
            try copy.appendSlice(allocator, blank);
            index += length;
            from = index;
        }
        if (from == 0) return null;
        try copy.appendSlice(allocator, text[from..]);
        return try copy.toOwnedSlice(allocator);
    }

    /// Returns the length of the credential that `text` begins with.
    fn lengthAt(self: Credentials, text: []const u8) ?usize {
        for (self.secrets) |secret| {
            if (text[0] != secret[0] and text[0] != '\\') continue;
            if (lengthOf(secret, text)) |length| return length;
        }
        return null;
    }
};

fn lengthOf(secret: []const u8, text: []const u8) ?usize {
    var index: usize = 0;
    for (secret) |expected| {
        if (index == text.len) return null;
        if (text[index] == expected) {
            index += 1;
            continue;
        }
        const escape = escapeAt(text[index..]) orelse return null;
        if (escape.character != expected) return null;
        index += escape.length;
    }
    return index;
}

const Escape = struct { character: u8, length: usize };

/// Returns the printable ASCII character that an escape at the beginning of `text` stands for.
fn escapeAt(text: []const u8) ?Escape {
    if (text.len < 2 or text[0] != '\\') return null;
    if (text[1] != 'u') return .{ .character = text[1], .length = 2 };
    if (text.len < 6) return null;
    const unit = std.fmt.parseInt(u16, text[2..6], 16) catch return null;
    return if (unit < 0x80) .{ .character = @intCast(unit), .length = 6 } else null;
}

fn readFile(path: []const u8) error{ OutOfMemory, Unreadable }![]const u8 {
    const name = try std.fmt.allocPrintSentinel(allocator, "{s}", .{path}, 0);
    defer allocator.free(name);
    const file = std.c.fopen(name.ptr, "r") orelse return error.Unreadable;
    defer _ = std.c.fclose(file);
    const buffer = try allocator.alloc(u8, file_bytes_max);
    defer allocator.free(buffer);
    const length = std.c.fread(buffer.ptr, 1, buffer.len, file);
    if (length == buffer.len) return error.Unreadable;
    return allocator.dupe(u8, std.mem.trimEnd(u8, buffer[0..length], " \r\n"));
}
