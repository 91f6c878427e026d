//! The question whether a credential is known, which the module asks authz_service before a body is kept: a
//! `CheckRequest` and a `CheckResponse` of `envoy.service.auth.v3`, each as the only message of a gRPC call.
//!
//! See https://protobuf.dev/programming-guides/encoding/.

const std = @import("std");
const contract = @import("contract.zig");

const Text = std.ArrayList(u8);
const Error = error{OutOfMemory};
const grpc_head_bytes = 5;

pub const Header = struct { name: []const u8, value: []const u8 };

pub const Question = struct {
    method: []const u8,
    /// With its query.
    path: []const u8,
    address: []const u8,
    headers: []const Header,

    /// Returns the gRPC message.
    pub fn encode(self: Question, arena: std.mem.Allocator) Error![]const u8 {
        var sent: Text = .empty;
        for (self.headers) |header| {
            var fields: Text = .empty;
            try append(arena, &fields, 1, header.name);
            try append(arena, &fields, 3, header.value); // raw_value
            try append(arena, &sent, 1, fields.items);
        }
        var http: Text = .empty;
        try append(arena, &http, 2, self.method);
        try append(arena, &http, 4, self.path);
        try append(arena, &http, 13, sent.items); // header_map
        const request = try nested(arena, &.{2}, http.items);
        // Peer.address.socket_address.address
        const source = try nested(arena, &.{ 1, 1, 2 }, self.address);
        var attributes: Text = .empty;
        try append(arena, &attributes, 1, source);
        try append(arena, &attributes, 4, request);
        const message = try nested(arena, &.{1}, attributes.items);
        return framed(arena, message);
    }
};

/// Returns a message as a gRPC call carries it: uncompressed, with its length.
pub fn framed(arena: std.mem.Allocator, message: []const u8) Error![]const u8 {
    const frame = try arena.alloc(u8, grpc_head_bytes + message.len);
    frame[0] = 0;
    std.mem.writeInt(u32, frame[1..grpc_head_bytes], @intCast(message.len), .big);
    @memcpy(frame[grpc_head_bytes..], message);
    return frame;
}

/// Returns `content` inside of messages with only one field each, the outermost first.
fn nested(arena: std.mem.Allocator, fields: []const u6, content: []const u8) Error![]const u8 {
    var inner = content;
    var index = fields.len;
    while (index > 0) : (index -= 1) {
        var outer: Text = .empty;
        try append(arena, &outer, fields[index - 1], inner);
        inner = outer.items;
    }
    return inner;
}

fn append(arena: std.mem.Allocator, text: *Text, field: u6, content: []const u8) Error!void {
    try appendNumber(arena, text, @as(u64, field) << 3 | 2);
    try appendNumber(arena, text, content.len);
    try text.appendSlice(arena, content);
}

fn appendNumber(arena: std.mem.Allocator, text: *Text, number: u64) Error!void {
    var rest = number;
    while (rest >= 0x80) : (rest >>= 7) try text.append(arena, @as(u8, @truncate(rest)) | 0x80);
    try text.append(arena, @truncate(rest));
}

/// The most headers that an answer may have. authz_service sets at most six.
pub const headers_max = 16;

/// What authz_service answered.
pub const Answer = struct {
    is_known: bool,
    /// Whose credential it is, if it is known.
    organization: []const u8 = "",
    /// Those of the response to the caller, if the credential is not known.
    status: u32 = 0,
    headers: [headers_max]Header = undefined,
    header_count: usize = 0,
    body: []const u8 = "",
    /// A `google.protobuf.Struct` for the metadata of the call.
    metadata: []const u8 = "",
};

/// Reads the only message of a gRPC call. What it returns points into `frame`.
pub fn read(frame: []const u8) error{Malformed}!Answer {
    if (frame.len < grpc_head_bytes or frame[0] != 0) return error.Malformed;
    if (std.mem.readInt(u32, frame[1..grpc_head_bytes], .big) != frame.len - grpc_head_bytes) return error.Malformed;
    var answer: Answer = .{ .is_known = false };
    var code: ?u64 = null;
    var fields: Fields = .{ .rest = frame[grpc_head_bytes..] };
    while (try fields.next()) |field| switch (field.number) {
        // status.code. Parts of a message add up, so one part that refuses is enough.
        1 => code = (code orelse 0) | try numberIn(field, 1),
        2 => try readRefusal(try field.content(), &answer),
        4 => answer.metadata = try field.content(),
        else => {},
    };
    answer.is_known = code == 0;
    if (answer.is_known) answer.organization = try textIn(answer.metadata, contract.DecisionKey.organization);
    if (!answer.is_known and (answer.status < 400 or answer.status > 599)) return error.Malformed;
    return answer;
}

fn readRefusal(message: []const u8, answer: *Answer) error{Malformed}!void {
    var fields: Fields = .{ .rest = message };
    while (try fields.next()) |field| switch (field.number) {
        1 => answer.status = std.math.cast(u32, try numberIn(field, 1)) orelse return error.Malformed, // status.code
        2 => {
            if (answer.header_count == headers_max) return error.Malformed;
            answer.headers[answer.header_count] = try readHeader(try field.content());
            answer.header_count += 1;
        },
        3 => answer.body = try field.content(),
        else => {},
    };
}

/// Reads a `HeaderValueOption`.
fn readHeader(message: []const u8) error{Malformed}!Header {
    var header: Header = .{ .name = "", .value = "" };
    var options: Fields = .{ .rest = message };
    while (try options.next()) |option| if (option.number == 1) {
        var fields: Fields = .{ .rest = try option.content() };
        while (try fields.next()) |field| switch (field.number) {
            1 => header.name = try field.content(),
            2, 3 => header.value = try field.content(),
            else => {},
        };
    };
    if (header.name.len == 0) return error.Malformed;
    return header;
}

/// Returns a text of a `google.protobuf.Struct`; empty if it has none of this name.
fn textIn(message: []const u8, key: contract.DecisionKey) error{Malformed}![]const u8 {
    var text: []const u8 = "";
    var entries: Fields = .{ .rest = message };
    while (try entries.next()) |entry| if (entry.number == 1) {
        var name: []const u8 = "";
        var value: []const u8 = "";
        var fields: Fields = .{ .rest = try entry.content() };
        while (try fields.next()) |field| switch (field.number) {
            1 => name = try field.content(),
            2 => value = try field.content(),
            else => {},
        };
        if (!std.mem.eql(u8, name, @tagName(key))) continue;
        var kinds: Fields = .{ .rest = value };
        while (try kinds.next()) |kind| {
            if (kind.number == 3) text = try kind.content(); // string_value
        }
    };
    return text;
}

/// Returns a number in the message that a field contains; 0, the default, if it is absent.
fn numberIn(field: Field, number: u32) error{Malformed}!u64 {
    var found: u64 = 0;
    var fields: Fields = .{ .rest = try field.content() };
    while (try fields.next()) |inner| {
        if (inner.number == number) found = inner.value orelse return error.Malformed;
    }
    return found;
}

const Field = struct {
    number: u32,
    value: ?u64 = null,
    bytes: ?[]const u8 = null,

    fn content(self: Field) error{Malformed}![]const u8 {
        return self.bytes orelse error.Malformed;
    }
};

const Fields = struct {
    rest: []const u8,

    fn next(self: *Fields) error{Malformed}!?Field {
        if (self.rest.len == 0) return null;
        const tag = try self.takeNumber();
        const number = std.math.cast(u32, tag >> 3) orelse return error.Malformed;
        if (number == 0) return error.Malformed;
        return switch (@as(u3, @truncate(tag))) {
            0 => .{ .number = number, .value = try self.takeNumber() },
            1 => try self.skip(number, 8),
            2 => .{ .number = number, .bytes = try self.take(try self.takeNumber()) },
            5 => try self.skip(number, 4),
            else => error.Malformed,
        };
    }

    /// No field that counts has a fixed size.
    fn skip(self: *Fields, number: u32, length: u64) error{Malformed}!Field {
        _ = try self.take(length);
        return .{ .number = number };
    }

    fn take(self: *Fields, length: u64) error{Malformed}![]const u8 {
        if (length > self.rest.len) return error.Malformed;
        defer self.rest = self.rest[@intCast(length)..];
        return self.rest[0..@intCast(length)];
    }

    fn takeNumber(self: *Fields) error{Malformed}!u64 {
        var number: u64 = 0;
        for (0..10) |index| {
            if (index >= self.rest.len) return error.Malformed;
            const byte = self.rest[index];
            if (index == 9 and byte > 1) return error.Malformed;
            number |= @as(u64, byte & 0x7f) << @intCast(7 * index);
            if (byte < 0x80) {
                self.rest = self.rest[index + 1 ..];
                return number;
            }
        }
        return error.Malformed;
    }
};
