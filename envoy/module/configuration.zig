//! The configuration of a filter: lines of a name, a space and a value.
//!   `secret_file <path>`        a file with a credential that no answer may quote
//!   `control_prefix <prefix>`   headers that begin with it pass to providers besides those that the contract lists
//!   `question_cluster <name>`   the service that knows whether a credential is valid
//!   `question_timeout_ms <ms>`  how long it may take to answer

const std = @import("std");
const Credentials = @import("credentials.zig").Credentials;

const allocator = std.heap.c_allocator;

const Name = enum { secret_file, control_prefix, question_cluster, question_timeout_ms };

pub const Configuration = struct {
    credentials: Credentials = .{},
    /// Empty for none.
    control_prefix: []const u8 = "",
    question_cluster: []const u8 = "",
    question_timeout_ms: u64 = 0,

    /// Reads the lines. If a file cannot be read or a name is unknown, Envoy refuses its whole configuration.
    pub fn read(text: []const u8) error{ OutOfMemory, Unreadable, Unknown }!Configuration {
        var paths: std.ArrayList([]const u8) = .empty;
        defer paths.deinit(allocator);
        var control_prefix: []const u8 = "";
        var question_cluster: []const u8 = "";
        var question_timeout_ms: u64 = 0;
        var lines = std.mem.tokenizeScalar(u8, text, '\n');
        while (lines.next()) |line| {
            const middle = std.mem.indexOfScalar(u8, line, ' ') orelse return error.Unknown;
            const value = line[middle + 1 ..];
            switch (std.meta.stringToEnum(Name, line[0..middle]) orelse return error.Unknown) {
                .secret_file => try paths.append(allocator, value),
                .control_prefix => control_prefix = value,
                .question_cluster => question_cluster = value,
                .question_timeout_ms => question_timeout_ms = std.fmt.parseInt(u64, value, 10) catch return error.Unknown,
            }
        }
        return .{
            .credentials = try .read(paths.items),
            .control_prefix = try allocator.dupe(u8, control_prefix),
            .question_cluster = try allocator.dupe(u8, question_cluster),
            .question_timeout_ms = question_timeout_ms,
        };
    }

    pub fn deinit(self: *Configuration) void {
        self.credentials.deinit();
        allocator.free(self.control_prefix);
        allocator.free(self.question_cluster);
    }
};
