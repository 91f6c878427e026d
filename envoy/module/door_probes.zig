//! Exposes to the tests what decides about strangers: lines of commands in, lines of answers out.

const std = @import("std");
const addresses = @import("addresses.zig");
const bodies = @import("bodies.zig");
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
    if (answer.is_known) {
        var known: std.ArrayList(u8) = .empty;
        defer known.deinit(allocator);
        known.print(allocator, "known {s}", .{answer.organization}) catch return fault;
        return out.write(known.items);
    }
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

    counts: bodies.Counts = .{},
    started: std.AutoHashMapUnmanaged(u64, bodies.Body) = .empty,

    const Command = enum { remember, forget, age, organization, charge, exhausted, enter, leave, group, hash, begin, grow, end };

    fn run(self: *Simulation, line: []const u8) !void {
        var words = std.mem.tokenizeScalar(u8, line, ' ');
        const command = std.meta.stringToEnum(Command, words.next() orelse return) orelse return error.Unknown;
        const first = words.next() orelse return error.Unknown;
        const second = words.next() orelse "0";
        switch (command) {
            .remember => self.keys.remember(try number(u128, first), try number(u64, words.next() orelse "0"), try number(i64, second)),
            .forget => self.keys.forget(try number(u128, first)),
            .age => {
                const proof = self.keys.proof(try number(u128, first), try number(i64, second));
                if (proof) |last| try self.say("{d}", .{last.age_ms}) else try self.say("-", .{});
            },
            .organization => {
                const proof = self.keys.proof(try number(u128, first), try number(i64, second));
                if (proof) |last| try self.say("{d}", .{last.organization}) else try self.say("-", .{});
            },
            .begin => {
                var body: bodies.Body = .{};
                const organization = try number(u64, words.next() orelse "0");
                const announced = try number(u64, words.next() orelse "0");
                const excess = body.begin(&self.counts, try number(u64, second), organization, announced, body_limits);
                try self.started.put(allocator, try number(u64, first), body);
                try self.say("{s}", .{if (excess) |whose| @tagName(whose) else "-"});
            },
            .grow => {
                const body = self.started.getPtr(try number(u64, first)) orelse return error.Unknown;
                const excess = body.grow(&self.counts, try number(u64, second), body_limits);
                try self.say("{s}", .{if (excess) |whose| @tagName(whose) else "-"});
            },
            .end => {
                const body = self.started.getPtr(try number(u64, first)) orelse return error.Unknown;
                body.end(&self.counts);
                try self.say("{d}", .{self.counts.total.used.raw});
            },
            .charge => self.allowances.charge(try number(u64, first), try number(i64, second)),
            .exhausted => try self.say("{}", .{self.allowances.isExhausted(try number(u64, first), try number(i64, second))}),
            .enter => try self.enter(try number(u64, first), try number(u64, second), try number(i64, words.next() orelse "0")),
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

    fn enter(self: *Simulation, id: u64, address: u64, now_ms: i64) !void {
        const connection = try allocator.create(strangers.Connection);
        connection.* = .{ .id = id, .address = address, .arrived_ms = now_ms, .handle = connection, .strangers = &self.list };
        try self.connections.put(allocator, id, connection);
        try self.list.add(connection);
        const first = self.list.evict(address, now_ms) orelse return self.say("-", .{});
        const second = self.list.evict(address, now_ms) orelse return self.say("{d}", .{first.id});
        try self.say("{d} {d}", .{ first.id, second.id });
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
        self.started.deinit(allocator);
        self.list.deinit();
        self.answers.deinit(allocator);
    }
};

fn number(comptime Number: type, word: []const u8) !Number {
    return std.fmt.parseInt(Number, word, 10);
}

/// 4 MB of unfinished bodies for a key, 6 MB for an organization, 8 MB in total.
const body_limits: bodies.Limits = .{ .key = 4_000_000, .organization = 6_000_000, .total = 8_000_000 };

/// Runs commands with limits of 3 strangers for an address and 5 in total, and with `body_limits`.
export fn megarouter_doors(text: *const Text, out: *const Output) callconv(.c) isize {
    const simulation = allocator.create(Simulation) catch return fault;
    defer allocator.destroy(simulation);
    simulation.* = .{ .list = .init(allocator, .{ .per_address = 3, .total = 5 }) };
    defer simulation.deinit();
    var lines = std.mem.tokenizeScalar(u8, text.bytes(), '\n');
    while (lines.next()) |line| simulation.run(line) catch return fault;
    return out.write(simulation.answers.items);
}
