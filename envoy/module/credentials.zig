//! The gateway's credentials at the providers, so that no answer can quote them. They come from the files that Envoy
//! itself reads them from. A file may be replaced while Envoy runs; the old credential stays known, because a call that
//! was sent with it may still be answered.

const std = @import("std");

const allocator = std.heap.c_allocator;

const file_bytes_max = 65_536;
/// A shorter text is no secret: it also occurs by chance.
const secret_bytes_min = 8;
/// What replaces a credential.
const blank = "[redacted]";

/// How old the last look at the files may be when a successful answer comes. For an error, it is always repeated.
const look_interval_ms = 100;

const Node = struct { secret: []const u8, next: ?*const Node };

pub const Credentials = struct {
    paths: []const []const u8 = &.{},
    /// A folder of further files, which come and go while Envoy runs; empty for none.
    folder: []const u8 = "",
    /// Every credential that was ever found in the files. Threads read the list while another adds to it.
    newest: std.atomic.Value(?*const Node) = .init(null),
    looked_ms: std.atomic.Value(i64) = .init(0),

    /// Reads one credential from each file.
    pub fn read(paths: []const []const u8, folder: []const u8) error{ OutOfMemory, Unreadable }!Credentials {
        var self: Credentials = .{};
        errdefer self.deinit();
        const kept = try allocator.alloc([]const u8, paths.len);
        var count: usize = 0;
        errdefer {
            for (kept[0..count]) |path| allocator.free(path);
            allocator.free(kept);
        }
        for (paths) |path| {
            kept[count] = try allocator.dupe(u8, path);
            count += 1;
            try self.learn(path);
        }
        self.folder = try allocator.dupe(u8, folder);
        errdefer allocator.free(self.folder);
        try self.learnFolder();
        self.paths = kept;
        return self;
    }

    pub fn deinit(self: *Credentials) void {
        var next = self.newest.load(.acquire);
        while (next) |node| {
            next = node.next;
            allocator.free(node.secret);
            allocator.destroy(node);
        }
        for (self.paths) |path| allocator.free(path);
        allocator.free(self.paths);
        allocator.free(self.folder);
    }

    /// Learns what replaced files contain, unless it looked a moment ago and the answer is a success.
    pub fn refresh(self: *Credentials, now_ms: i64, is_error: bool) error{OutOfMemory}!void {
        if (!is_error and now_ms - self.looked_ms.load(.monotonic) < look_interval_ms) return;
        self.looked_ms.store(now_ms, .monotonic);
        for (self.paths) |path| try self.learnIfReadable(path);
        try self.learnFolder();
    }

    fn learnIfReadable(self: *Credentials, path: []const u8) error{OutOfMemory}!void {
        self.learn(path) catch |problem| switch (problem) {
            error.Unreadable => {}, // Envoy keeps the old credential too
            error.OutOfMemory => return error.OutOfMemory,
        };
    }

    /// A file whose name has a dot is being written.
    fn learnFolder(self: *Credentials) error{OutOfMemory}!void {
        if (self.folder.len == 0) return;
        const name = try std.fmt.allocPrintSentinel(allocator, "{s}", .{self.folder}, 0);
        defer allocator.free(name);
        const directory = std.c.opendir(name.ptr) orelse return;
        defer _ = std.c.closedir(directory);
        while (std.c.readdir(directory)) |entry| {
            const file = std.mem.sliceTo(&entry.name, 0);
            if (std.mem.indexOfScalar(u8, file, '.') != null) continue;
            const path = try std.fmt.allocPrint(allocator, "{s}/{s}", .{ self.folder, file });
            defer allocator.free(path);
            try self.learnIfReadable(path);
        }
    }

    fn learn(self: *Credentials, path: []const u8) error{ OutOfMemory, Unreadable }!void {
        const secret = try readFile(path);
        if (secret.len < secret_bytes_min or self.knows(secret)) return allocator.free(secret);
        const node = allocator.create(Node) catch {
            allocator.free(secret);
            return error.OutOfMemory;
        };
        // Two threads may add the same credential, which does no harm.
        var next = self.newest.load(.acquire);
        while (true) {
            node.* = .{ .secret = secret, .next = next };
            next = self.newest.cmpxchgWeak(next, node, .release, .acquire) orelse return;
        }
    }

    fn knows(self: *const Credentials, secret: []const u8) bool {
        var next = self.newest.load(.acquire);
        while (next) |node| : (next = node.next) if (std.mem.eql(u8, node.secret, secret)) return true;
        return false;
    }

    /// Returns a copy of `text` without credentials, also where JSON escapes hide one; null if it has none. `more` are
    /// credentials of this call only.
    pub fn blanked(self: *const Credentials, text: []const u8, more: []const []const u8) error{OutOfMemory}!?[]const u8 {
        var copy: std.ArrayList(u8) = .empty;
        errdefer copy.deinit(allocator);
        var from: usize = 0;
        var index: usize = 0;
        while (index < text.len) {
            const length = self.lengthAt(text[index..]) orelse longestOf(more, text[index..]) orelse {
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
    fn lengthAt(self: *const Credentials, text: []const u8) ?usize {
        var next = self.newest.load(.acquire);
        while (next) |node| : (next = node.next) {
            if (text[0] != node.secret[0] and text[0] != '\\') continue;
            if (lengthOf(node.secret, text)) |length| return length;
        }
        return null;
    }
};

fn longestOf(secrets: []const []const u8, text: []const u8) ?usize {
    var longest: ?usize = null;
    for (secrets) |secret| {
        if (secret.len < secret_bytes_min or (text[0] != secret[0] and text[0] != '\\')) continue;
        if (lengthOf(secret, text)) |length| longest = @max(length, longest orelse 0);
    }
    return longest;
}

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

pub fn readFile(path: []const u8) error{ OutOfMemory, Unreadable }![]const u8 {
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
