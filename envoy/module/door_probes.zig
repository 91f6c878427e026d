//! Exposes to the tests what decides about strangers: lines of commands in, lines of answers out.

const std = @import("std");
const addresses = @import("addresses.zig");
const Allowances = @import("allowances.zig").Allowances;
const key_question = @import("key_question.zig");
const known_keys = @import("known_keys.zig");
const strangers = @import("strangers.zig");

const allocator = std.heap.c_allocator;
const fault = -1;

const Text = extern struct {
    pointer: [*]const u8,
    length: usize,

    fn bytes(self: Text) []const u8 {
        return self.pointer[0..self.length];
    }
};

const Output = extern struct {
    pointer: [*]u8,
    length: usize,

    fn write(self: Output, text: []const u8) isize {
        if (text.len > self.length) return fault;
        @memcpy(self.pointer[0..text.len], text);
        return @intCast(text.len);
    }
};

/// Writes the question about a call: the lines are its method, path, address and headers (`name: value`).
export fn megarouter_key_question(text: *const Text, out: *const Output) callconv(.c) isize {
    var arena: std.heap.ArenaAllocator = .init(allocator);
    defer arena.deinit();
    var lines = std.mem.splitScalar(u8, text.bytes(), '\n');
    var question: key_question.Question = .{
        .method = lines.next() orelse "",
        .path = lines.next() orelse "",
        .address = lines.next() orelse "",
        .headers = &.{},
    };
    var headers: std.ArrayList(key_question.Header) = .empty;
    while (lines.next()) |line| {
        const colon = std.mem.indexOf(u8, line, ": ") orelse return fault;
        headers.append(arena.allocator(), .{ .name = line[0..colon], .value = line[colon + 2 ..] }) catch return fault;
    }
    question.headers = headers.items;
    return out.write(question.encode(arena.allocator()) catch return fault);
}

/// Writes what an answer says: `known`, or the status, the headers and the body of a refusal, each after its length.
export fn megarouter_key_answer(text: *const Text, out: *const Output) callconv(.c) isize {
    // A copy of exact size lets a memory checker notice a read beyond its end.
    const frame = allocator.dupe(u8, text.bytes()) catch return fault;
    defer allocator.free(frame);
    const answer = key_question.read(frame) catch return fault;
    if (answer.is_known) return out.write("known");
    var written: std.ArrayList(u8) = .empty;
    defer written.deinit(allocator);
    written.print(allocator, "{d}\n", .{answer.status}) catch return fault;
    for (answer.headers[0..answer.header_count]) |header| {
        for ([_][]const u8{ header.name, header.value }) |part| {
            written.print(allocator, "{d}:{s}", .{ part.len, part }) catch return fault;
        }
    }
    written.print(allocator, "\n{s}", .{answer.body}) catch return fault;
    return out.write(written.items);
}

/// What a worker knows, driven by commands. Names are numbers, times are milliseconds.
const Simulation = struct {
    keys: known_keys.KnownKeys = .{},
    allowances: Allowances = .{},
    list: strangers.Strangers,
    connections: std.AutoHashMapUnmanaged(u64, *strangers.Connection) = .empty,
    answers: std.ArrayList(u8) = .empty,

    const Command = enum { remember, forget, age, charge, exhausted, enter, leave, group, hash };

    fn run(self: *Simulation, line: []const u8) !void {
        var words = std.mem.tokenizeScalar(u8, line, ' ');
        const command = std.meta.stringToEnum(Command, words.next() orelse return) orelse return error.Unknown;
        const first = words.next() orelse return error.Unknown;
        const second = words.next() orelse "0";
        switch (command) {
            .remember => self.keys.remember(try number(u128, first), try number(i64, second)),
            .forget => self.keys.forget(try number(u128, first)),
            .age => {
                const age = self.keys.age(try number(u128, first), try number(i64, second));
                if (age) |age_ms| try self.say("{d}", .{age_ms}) else try self.say("-", .{});
            },
            .charge => self.allowances.charge(try number(u64, first), try number(i64, second)),
            .exhausted => try self.say("{}", .{self.allowances.isExhausted(try number(u64, first), try number(i64, second))}),
            .enter => try self.enter(try number(u64, first), try number(u64, second)),
            .leave => if (self.connections.fetchRemove(try number(u64, first))) |entry| {
                self.list.remove(entry.value);
                allocator.destroy(entry.value);
            },
            .group => try self.say("{x}", .{addresses.groupOf(addresses.withoutPort(first))}),
            .hash => {
                const secret: known_keys.Secret = @splat(7);
                var hasher: known_keys.Hasher = .init(&secret);
                hasher.add(first);
                hasher.add(second);
                try self.say("{x}", .{hasher.finish()});
            },
        }
    }

    fn enter(self: *Simulation, id: u64, address: u64) !void {
        const connection = try allocator.create(strangers.Connection);
        connection.* = .{ .id = id, .address = address, .handle = connection, .strangers = &self.list };
        try self.connections.put(allocator, id, connection);
        if (try self.list.add(connection)) |loser| try self.say("{d}", .{loser.id}) else try self.say("-", .{});
    }

    fn say(self: *Simulation, comptime format: []const u8, arguments: anytype) !void {
        try self.answers.print(allocator, format ++ "\n", arguments);
    }

    fn deinit(self: *Simulation) void {
        var connections = self.connections.valueIterator();
        while (connections.next()) |connection| {
            self.list.remove(connection.*);
            allocator.destroy(connection.*);
        }
        self.connections.deinit(allocator);
        self.list.deinit();
        self.answers.deinit(allocator);
    }
};

fn number(comptime Number: type, word: []const u8) !Number {
    return std.fmt.parseInt(Number, word, 10);
}

/// Runs commands with limits of 3 strangers for an address and 5 in total.
export fn megarouter_doors(text: *const Text, out: *const Output) callconv(.c) isize {
    const simulation = allocator.create(Simulation) catch return fault;
    defer allocator.destroy(simulation);
    simulation.* = .{ .list = .init(allocator, .{ .per_address = 3, .total = 5 }) };
    defer simulation.deinit();
    var lines = std.mem.tokenizeScalar(u8, text.bytes(), '\n');
    while (lines.next()) |line| simulation.run(line) catch return fault;
    return out.write(simulation.answers.items);
}
