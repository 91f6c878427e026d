//! The configuration of the rewriter: lines of a name, a space and a value.
//!   `secret_file <path>`      a file with a credential that no answer may quote
//!   `passed_prefix <prefix>`  headers that pass to providers besides those that the contract lists

const std = @import("std");
const Credentials = @import("credentials.zig").Credentials;

const allocator = std.heap.c_allocator;

const Name = enum { secret_file, passed_prefix };

pub const Configuration = struct {
    credentials: Credentials = .{},
    passed_prefixes: []const []const u8 = &.{},

    /// Reads the lines. If a file cannot be read or a name is unknown, Envoy refuses its whole configuration.
    pub fn read(text: []const u8) error{ OutOfMemory, Unreadable, Unknown }!Configuration {
        var paths: std.ArrayList([]const u8) = .empty;
        defer paths.deinit(allocator);
        var prefixes: std.ArrayList([]const u8) = .empty;
        var lines = std.mem.tokenizeScalar(u8, text, '\n');
        while (lines.next()) |line| {
            const middle = std.mem.indexOfScalar(u8, line, ' ') orelse return error.Unknown;
            const value = line[middle + 1 ..];
            switch (std.meta.stringToEnum(Name, line[0..middle]) orelse return error.Unknown) {
                .secret_file => try paths.append(allocator, value),
                .passed_prefix => try prefixes.append(allocator, try allocator.dupe(u8, value)),
            }
        }
        return .{ .credentials = try .read(paths.items), .passed_prefixes = try prefixes.toOwnedSlice(allocator) };
    }

    pub fn deinit(self: Configuration) void {
        self.credentials.deinit();
        for (self.passed_prefixes) |prefix| allocator.free(prefix);
        allocator.free(self.passed_prefixes);
    }
};
