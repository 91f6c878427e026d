//! The configuration of the rewriter: lines of a name, a space and a value.
//!   `secret_file <path>`      a file with a credential that no answer may quote
//!   `control_prefix <prefix>` headers that begin with it pass to providers besides those that the contract lists

const std = @import("std");
const Credentials = @import("credentials.zig").Credentials;

const allocator = std.heap.c_allocator;

const Name = enum { secret_file, control_prefix };

pub const Configuration = struct {
    credentials: Credentials = .{},
    /// Empty for none.
    control_prefix: []const u8 = "",

    /// Reads the lines. If a file cannot be read or a name is unknown, Envoy refuses its whole configuration.
    pub fn read(text: []const u8) error{ OutOfMemory, Unreadable, Unknown }!Configuration {
        var paths: std.ArrayList([]const u8) = .empty;
        defer paths.deinit(allocator);
        var control_prefix: []const u8 = "";
        var lines = std.mem.tokenizeScalar(u8, text, '\n');
        while (lines.next()) |line| {
            const middle = std.mem.indexOfScalar(u8, line, ' ') orelse return error.Unknown;
            const value = line[middle + 1 ..];
            switch (std.meta.stringToEnum(Name, line[0..middle]) orelse return error.Unknown) {
                .secret_file => try paths.append(allocator, value),
                .control_prefix => control_prefix = value,
            }
        }
        return .{ .credentials = try .read(paths.items), .control_prefix = try allocator.dupe(u8, control_prefix) };
    }

    pub fn deinit(self: *Configuration) void {
        self.credentials.deinit();
        allocator.free(self.control_prefix);
    }
};
