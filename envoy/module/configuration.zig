//! The configuration of a filter: lines of a name, a space and a value.
//!   `secret_file <path>`        a file with a credential that no answer may quote
//!   `own_key_folder <path>`     the folder with the keys that organizations have at providers themselves
//!   `secret_folder <path>`      a folder of such files, which come and go
//!   `control_prefix <prefix>`   headers that begin with it pass to providers besides those that the contract lists
//!   `question_cluster <name>`   the service that knows whether a credential is valid
//!   `question_timeout_ms <ms>`  how long it may take to answer
//!   `calls_max <count>`         how many calls may run at a time in this process
//!   `caller_calls_max <count>`  how many of them may be of one credential
//!   `bodies_max <key> <organization> <total>`  how many bytes of unfinished bodies this process keeps
//!   `target <name> [<header> bearer|plain <path> | <header> signed <region> <service> <host>]`   where attempts may go, and the file with the credential for it
//!   `question_header <name> <value>`   a header of the question, which Envoy's router reads

const std = @import("std");
const bodies = @import("bodies.zig");
const Credentials = @import("credentials.zig").Credentials;
const Target = @import("targets.zig").Target;

const allocator = std.heap.c_allocator;

const Name = enum { secret_file, secret_folder, own_key_folder, control_prefix, question_cluster, question_timeout_ms, question_header, calls_max, caller_calls_max, bodies_max, target };

pub const Header = struct { name: []const u8, value: []const u8 };

pub const Configuration = struct {
    credentials: Credentials = .{},
    /// Empty for none.
    own_key_folder: []const u8 = "",
    /// Empty for none.
    control_prefix: []const u8 = "",
    question_cluster: []const u8 = "",
    question_timeout_ms: u64 = 0,
    question_headers: []const Header = &.{},
    calls_max: u64 = 0,
    caller_calls_max: u64 = 0,
    bodies_max: bodies.Limits = .{},
    targets: []const Target = &.{},

    /// Reads the lines. If a file cannot be read or a name is unknown, Envoy refuses its whole configuration.
    pub fn read(text: []const u8) error{ OutOfMemory, Unreadable, Unknown }!Configuration {
        var paths: std.ArrayList([]const u8) = .empty;
        defer paths.deinit(allocator);
        var secret_folder: []const u8 = "";
        var own_key_folder: []const u8 = "";
        var control_prefix: []const u8 = "";
        var question_cluster: []const u8 = "";
        var question_timeout_ms: u64 = 0;
        var calls_max: u64 = 0;
        var caller_calls_max: u64 = 0;
        var bodies_max: bodies.Limits = .{};
        var question_headers: std.ArrayList(Header) = .empty;
        errdefer free(&question_headers);
        var targets: std.ArrayList(Target) = .empty;
        errdefer close(&targets);
        var lines = std.mem.tokenizeScalar(u8, text, '\n');
        while (lines.next()) |line| {
            const middle = std.mem.indexOfScalar(u8, line, ' ') orelse return error.Unknown;
            const value = line[middle + 1 ..];
            switch (std.meta.stringToEnum(Name, line[0..middle]) orelse return error.Unknown) {
                .secret_file => try paths.append(allocator, value),
                .secret_folder => secret_folder = value,
                .own_key_folder => own_key_folder = value,
                .control_prefix => control_prefix = value,
                .question_cluster => question_cluster = value,
                .question_timeout_ms => question_timeout_ms = try number(value),
                .calls_max => calls_max = try number(value),
                .caller_calls_max => caller_calls_max = try number(value),
                .bodies_max => {
                    var words = std.mem.tokenizeScalar(u8, value, ' ');
                    bodies_max = .{ .key = try number(words.next()), .organization = try number(words.next()), .total = try number(words.next()) };
                },
                .target => try targets.append(allocator, try .read(value)),
                .question_header => {
                    const end = std.mem.indexOfScalar(u8, value, ' ') orelse return error.Unknown;
                    try question_headers.append(allocator, .{ .name = try allocator.dupe(u8, value[0..end]), .value = try allocator.dupe(u8, value[end + 1 ..]) });
                },
            }
        }
        return .{
            .credentials = try .read(paths.items, secret_folder),
            .own_key_folder = try allocator.dupe(u8, own_key_folder),
            .control_prefix = try allocator.dupe(u8, control_prefix),
            .question_cluster = try allocator.dupe(u8, question_cluster),
            .question_timeout_ms = question_timeout_ms,
            .calls_max = calls_max,
            .caller_calls_max = caller_calls_max,
            .bodies_max = bodies_max,
            .question_headers = try question_headers.toOwnedSlice(allocator),
            .targets = try targets.toOwnedSlice(allocator),
        };
    }

    fn number(word: ?[]const u8) error{Unknown}!u64 {
        return std.fmt.parseInt(u64, word orelse "", 10) catch error.Unknown;
    }

    pub fn deinit(self: *Configuration) void {
        self.credentials.deinit();
        allocator.free(self.own_key_folder);
        allocator.free(self.control_prefix);
        allocator.free(self.question_cluster);
        var headers: std.ArrayList(Header) = .fromOwnedSlice(@constCast(self.question_headers));
        free(&headers);
        var targets: std.ArrayList(Target) = .fromOwnedSlice(@constCast(self.targets));
        close(&targets);
    }

    pub fn targetOf(self: *const Configuration, name: []const u8) ?*const Target {
        for (self.targets) |*target| if (std.mem.eql(u8, target.name, name)) return target;
        return null;
    }

    fn close(targets: *std.ArrayList(Target)) void {
        for (targets.items) |target| target.deinit();
        targets.deinit(allocator);
    }

    fn free(headers: *std.ArrayList(Header)) void {
        for (headers.items) |header| {
            allocator.free(header.name);
            allocator.free(header.value);
        }
        headers.deinit(allocator);
    }
};
